//! The MSM engine.
//!
//! Lanes are small: eight buckets, windows of 2 or 3 bits, fields of 3 bits, queues of 2. The point adder is a module without
//! a body: harnesses say what it does.

use permafrost_rtl::{
    config::CardConfig,
    hdl::Module,
    msm::{
        self, feed,
        lane::{self, scan, slots, unit, LaneShape},
        reader, recode, slicer,
    },
    target::Target,
};
use std::sync::Arc;

const SMALL: LaneShape =
    LaneShape { log2_slots: 3, min_window: 2, max_window: 3, field_bits: 3, store_queue: 2, add_queue: 2 };

/// A module with the ports of the point adder whose outputs are free.
fn free_adder(shape: &LaneShape) -> Arc<Module> {
    let tag = lane::tag_bits(shape);
    Module::new("free_adder")
        .clocked()
        .input("g2", 1)
        .input("tick", 1)
        .input("in_valid", 1)
        .input("p", shape.point_bits())
        .input("q", shape.point_bits())
        .input("tag", tag)
        .output("early_valid", 1)
        .output("early_tag", tag)
        .output("out_valid", 1)
        .output("out_tag", tag)
        .output("r", shape.point_bits())
        .build()
}

pub fn design(name: &str) -> Option<Arc<Module>> {
    Some(match name {
        "msm slots banks" => slots::slots(3, slots::Layout::Banks, 3),
        "msm slots wide" => slots::slots(3, slots::Layout::Wide, 3),
        "msm unit" => unit::unit(&SMALL, &free_adder(&SMALL)),
        "msm lane" => lane::lane(&SMALL, &free_adder(&SMALL)),
        "msm slicer" => slicer::slicer(17),
        "msm reader small" => reader::sized(8, 4),
        "msm feed" => feed::feed(Target::Generic, 3, 2, 13),
        "msm recode" => recode::scalars(Target::Generic, 2, 16),
        "msm engine" => msm::engine(&CardConfig { adders: 3, ..CardConfig::sim() }),
        "msm scan" => scan::scan(17, 3),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use permafrost_rtl::point::affine::Shape;

    /// `msm unit` assumes fewer additions under way than this; an adder has one a tick of its latency at most.
    #[test]
    fn the_unit_is_proved_for_every_adder() {
        assert!(include_str!("../../properties/msm_unit.v")
            .contains("assume (air < 12'd2047 && air_rest < 12'd2047)"));
        for target in Target::ALL {
            assert!(Shape::new(target).latency().into_iter().all(|ticks| ticks < 2047), "{target:?}");
        }
    }
}
