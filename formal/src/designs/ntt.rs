//! The NTT and vector engines.

use permafrost_rtl::{
    hdl::Module,
    ntt::{
        self,
        block::{block, Shape},
        compute::compute,
        jobs::jobs,
        walk::{walk, Way},
    },
    target::Target,
    vector::{
        self, bounds::bounds, gather::gather, lane::lane, parameters::parameters, scan::scan,
        walk::walk as vector_walk,
    },
};
use std::sync::Arc;

/// Names are the module's and, for those of the tile core, log2 of the largest tile and the lanes; `xcup` at the end: for that target.
pub fn design(name: &str) -> Option<Arc<Module>> {
    let (name, target) = match name.strip_suffix(" xcup") {
        Some(name) => (name, Target::Xcup),
        None => (name, Target::Generic),
    };
    let (module, sizes) = match name.find(|c: char| c.is_ascii_digit()) {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    let sizes: Vec<usize> = sizes.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let shape = match sizes[..] {
        [] => None,
        [max_log] => Some(Shape::new(target, max_log, 1)),
        [max_log, lanes] => Some(Shape::new(target, max_log, lanes)),
        _ => return None,
    };
    Some(match (module.trim(), &shape) {
        ("ntt walk in", Some(shape)) => walk(shape, Way::In),
        ("ntt walk out", Some(shape)) => walk(shape, Way::Out),
        ("ntt compute", Some(shape)) => compute(shape),
        ("ntt block", Some(shape)) => block(shape),
        ("ntt jobs", None) => jobs(),
        ("ntt engine", Some(shape)) => ntt::engine(shape),
        ("vector walk", None) => vector_walk(),
        ("vector bounds", None) => bounds(),
        ("vector gather", None) => gather(),
        ("vector lane", None) => lane(target).module,
        ("vector parameters", None) => parameters(),
        ("vector scan", None) => scan(target).module,
        ("vector engine", None) => vector::engine::engine(target),
        _ => return None,
    })
}
