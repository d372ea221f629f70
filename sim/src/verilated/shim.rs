//! The C++ between a Verilated class and Rust: a handful of C functions and the addresses of the ports.

use permafrost_rtl::hdl::Design;
use std::fmt::Write as _;

/// Raised when the functions below change: the text is part of the cache key anyway, this documents the contract.
///
/// - `pf_new` returns the model with `clk` low and settled, or null;
/// - `pf_half(m, level)` sets `clk` and settles; `pf_tick(m, n)` is `n` times high, low;
/// - `pf_eval` settles without touching `clk`; all three return 0, or 1 and leave a text in `pf_error`.
///
/// Verilator reports fatal conditions (a loop that does not settle, `$stop`) by `vl_fatal`, whose default ends the
/// process; here it throws, and the exception stops at the C boundary.
const RUNTIME_HOOKS: &str = r#"
void vl_finish(const char*, int, const char*) { Verilated::threadContextp()->gotFinish(true); }
void vl_fatal(const char* file, int line, const char*, const char* text) {
    throw std::runtime_error(std::string(text ? text : "") + " (" + (file ? file : "") + ":" + std::to_string(line) + ")");
}
"#;

pub(super) fn text(design: &Design, trace: bool) -> String {
    let top = &design.top;
    let clocked = design.ports.iter().any(|p| p.name == "clk");
    let clk = if clocked { "m->top->clk = level;" } else { "(void)level;" };
    let mut s = format!("#include \"V{top}.h\"\n#include \"verilated.h\"\n");
    if trace {
        s.push_str("#include \"verilated_fst_c.h\"\n");
    }
    s.push_str("#include <exception>\n#include <stdexcept>\n#include <string>\n");
    s.push_str(RUNTIME_HOOKS);
    let (field, dump, open, close) = if trace {
        (
            "VerilatedFstC* fst = nullptr;",
            "if (m->fst) m->fst->dump(m->context.time());",
            "pf_trace_close(m); m->fst = new VerilatedFstC; m->top->trace(m->fst, 99); m->fst->open(path); \
             if (!m->fst->isOpen()) { delete m->fst; m->fst = nullptr; return 1; } return 0;",
            "if (m->fst) { m->fst->close(); delete m->fst; m->fst = nullptr; }",
        )
    } else {
        ("", "", "(void)m; (void)path; return 1;", "(void)m;")
    };
    write!(
        s,
        r#"
namespace {{
struct Sim {{
    VerilatedContext context;
    V{top}* top = nullptr;
    std::string error;
    {field}
}};
inline void half(Sim* m, int level) {{
    {clk}
    m->top->eval();
    {dump}
    m->context.timeInc(1);
}}
template <class F> int guarded(Sim* m, F f) {{
    try {{ f(); return 0; }}
    catch (const std::exception& e) {{ m->error = e.what(); }}
    catch (...) {{ m->error = "unknown exception"; }}
    return 1;
}}
}}
#define API extern "C" __attribute__((visibility("default")))
API void pf_trace_close(Sim* m) {{ {close} }}
API int pf_trace_open(Sim* m, const char* path) {{ {open} }}
API void pf_delete(Sim* m) {{
    if (m->top) {{
        guarded(m, [m] {{ m->top->final(); }});
        pf_trace_close(m);
        delete m->top;
    }}
    delete m;
}}
API Sim* pf_new() {{
    Sim* m = new Sim;
    const int failed = guarded(m, [m] {{
        m->context.threads(1);
        {trace_on}
        m->top = new V{top}(&m->context, "{top}");
        half(m, 0);
    }});
    if (failed) {{ pf_delete(m); return nullptr; }}
    return m;
}}
API int pf_half(Sim* m, int level) {{ return guarded(m, [=] {{ half(m, level); }}); }}
API int pf_eval(Sim* m) {{ return guarded(m, [=] {{ m->top->eval(); }}); }}
API int pf_tick(Sim* m, uint64_t n) {{
    return guarded(m, [=] {{ for (uint64_t i = 0; i < n; ++i) {{ half(m, 1); half(m, 0); }} }});
}}
API const char* pf_error(Sim* m) {{ return m->error.c_str(); }}
API void* pf_port(Sim* m, int index) {{
    switch (index) {{
"#,
        trace_on = if trace { "m->context.traceEverOn(true);" } else { "" },
    )
    .expect("String");
    for (i, port) in design.ports.iter().enumerate() {
        writeln!(s, "    case {i}: return (void*)&m->top->{};", port.name).expect("String");
    }
    s.push_str("    default: return nullptr;\n    }\n}\n");
    s
}
