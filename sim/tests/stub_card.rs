//! The simulated card's shell, with a stub in place of the card: it copies single beats and raises interrupts.

use permafrost_abi::transport::{Transport, TransportError};
use permafrost_rtl::{
    card::bus::{Bus, End},
    config::CardConfig,
    hdl::{Design, Module},
};
use permafrost_sim::{
    axi::{Access, Fault, Response},
    verilated::{build, BuildOptions},
    Side, SimCard, SimError, SimOptions, SimStats, Waveform,
};
use std::time::{Duration, Instant};

const MAGIC: u64 = 0x00;
const HOST_LO: u64 = 0x10;
const HOST_HI: u64 = 0x14;
const CARD: u64 = 0x18;
/// 1: host to card, 2: card to host, 3: as 1 with a burst that crosses 4 KiB.
const GO: u64 = 0x20;
const RESPONSES: u64 = 0x24;
const DRAM_SIZE: u64 = 0x28;
/// Never answers.
const HANGS: u64 = 0x2c;
const IRQ_VECTOR: u16 = 3;

fn ports(mut m: Module) -> Module {
    for side in ["m_host_", "m_dram_"] {
        m = Bus::AxiRead.ports(m, End::Client, side);
        m = Bus::AxiWrite.ports(m, End::Client, side);
    }
    m = Bus::AxiLite.ports(m, End::Server, "s_axil_");
    m.input("cfg_dram_bytes", 64)
        .input("power_on", 1)
        .input("dram_clean", 1)
        .input("dram_corrected", 1)
        .input("irq_ready", 1)
        .output("irq_valid", 1)
        .output("irq_vector", 8)
        .output("idle", 1)
}

fn stub() -> Design {
    let constants: String = ["m_host", "m_dram"]
        .map(|side| {
            format!(
                "{side}_awid = 0; {side}_awlen = 0; {side}_awsize = 6; {side}_awburst = 1; {side}_wlast = 1;\n\
                 {side}_arid = 0; {side}_arsize = 6; {side}_arburst = 1;\n\
                 {side}_bready = 1; {side}_rready = 1; {side}_wstrb = {{64{{1'b1}}}}; {side}_wdata = beat;\n"
            )
        })
        .concat();
    let body = format!(
        r#"
reg [63:0] host; reg [31:0] card; reg [511:0] beat; reg [2:0] state; reg to_host; reg bad; reg [3:0] responses;
localparam IDLE = 0, ASK = 1, TAKE = 2, GIVE = 3, WAIT = 4, RAISE = 5;
reg ar, aw, w;
always @(*) begin
{constants}
  m_host_arlen = bad ? 8'd64 : 8'd0; m_dram_arlen = 0;
  m_host_araddr = host; m_host_awaddr = host; m_dram_araddr = {{32'd0, card}}; m_dram_awaddr = {{32'd0, card}};
  m_host_arvalid = ar && !to_host; m_dram_arvalid = ar && to_host;
  m_host_awvalid = aw && to_host; m_dram_awvalid = aw && !to_host;
  m_host_wvalid = w && to_host; m_dram_wvalid = w && !to_host;
  irq_valid = state == RAISE; irq_vector = 8'd{IRQ_VECTOR};
  idle = state == IDLE;
  s_axil_awready = s_axil_awvalid && s_axil_wvalid && !s_axil_bvalid; s_axil_wready = s_axil_awready;
  s_axil_arready = !s_axil_rvalid; s_axil_bresp = 0; s_axil_rresp = 0;
end
always @(posedge clk) begin
  if (s_axil_bready) s_axil_bvalid <= 0;
  if (s_axil_rready) s_axil_rvalid <= 0;
  if (s_axil_awready) begin
    s_axil_bvalid <= 1;
    case (s_axil_awaddr)
      16'h10: host[31:0] <= s_axil_wdata;
      16'h14: host[63:32] <= s_axil_wdata;
      16'h18: card <= s_axil_wdata;
      16'h20: begin state <= ASK; ar <= 1; to_host <= s_axil_wdata == 2; bad <= s_axil_wdata == 3; end
      default: ;
    endcase
  end
  if (s_axil_arvalid && s_axil_arready) begin
    s_axil_rvalid <= s_axil_araddr != 16'h2c;
    case (s_axil_araddr)
      16'h00: s_axil_rdata <= 32'h5a524650;
      16'h24: s_axil_rdata <= {{28'd0, responses}};
      16'h28: s_axil_rdata <= cfg_dram_bytes[31:0];
      default: s_axil_rdata <= 0;
    endcase
  end
  if (m_host_arready && m_host_arvalid || m_dram_arready && m_dram_arvalid) ar <= 0;
  if (m_host_awready && m_host_awvalid || m_dram_awready && m_dram_awvalid) aw <= 0;
  if (m_host_wready && m_host_wvalid || m_dram_wready && m_dram_wvalid) w <= 0;
  if (m_host_rvalid || m_dram_rvalid) begin
    beat <= to_host ? m_dram_rdata : m_host_rdata;
    responses[3:2] <= to_host ? m_dram_rresp : m_host_rresp;
    aw <= 1; w <= 1; state <= WAIT;
  end
  if (m_host_bvalid || m_dram_bvalid) begin
    responses[1:0] <= to_host ? m_host_bresp : m_dram_bresp;
    state <= RAISE;
  end
  if (state == RAISE && irq_ready) state <= IDLE;
  if (rst) begin
    state <= IDLE; ar <= 0; aw <= 0; w <= 0; bad <= 0; s_axil_bvalid <= 0; s_axil_rvalid <= 0; responses <= 0;
  end
end"#
    );
    Design::elaborate(&ports(Module::new("stub_card").clocked()).body(body).build()).unwrap()
}

fn options() -> SimOptions {
    SimOptions { dram_bytes: Some(1 << 20), ..SimOptions::new(CardConfig::sim()) }
}

fn open() -> SimCard {
    SimCard::open_design(&stub(), options()).unwrap()
}

/// Starts a copy and waits for its interrupt.
fn copy(card: &SimCard, iova: u64, address: u32, go: u32) {
    card.write32(HOST_LO, iova as u32).unwrap();
    card.write32(HOST_HI, (iova >> 32) as u32).unwrap();
    card.write32(CARD, address).unwrap();
    card.write32(GO, go).unwrap();
    assert!(card.wait_irq(IRQ_VECTOR, Duration::from_secs(20)).unwrap());
}

#[test]
fn registers_memory_and_interrupts() {
    let card = open();
    card.enable_irqs(4).unwrap();
    assert_eq!(card.name(), "sim");
    assert_eq!(card.read32(MAGIC).unwrap(), 0x5a52_4650);
    assert_eq!(card.read32(DRAM_SIZE).unwrap(), 1 << 20, "the strap reaches the card");
    let (from, to) = (card.dma_alloc(4096).unwrap(), card.dma_alloc(4096).unwrap());
    let data: Vec<u8> = (0..64).collect();
    from.write(4096 - 64, &data);
    copy(&card, from.iova() + 4096 - 64, 0x8000, 1);
    copy(&card, to.iova() + 128, 0x8000, 2);
    let mut seen = vec![0; 64];
    to.read(128, &mut seen);
    assert_eq!(seen, data);
    assert_eq!(card.read32(RESPONSES).unwrap(), 0);
    let stats = card.stats();
    assert_eq!((stats.host.read_beats, stats.dram.read_beats, stats.dram.write_beats), (1, 1, 1));
}

/// Waits until the card has gone to sleep at least `naps` times; its figures then.
fn asleep(card: &SimCard, naps: u64) -> SimStats {
    let start = Instant::now();
    loop {
        let stats = card.stats();
        if stats.naps >= naps {
            return stats;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the card does not come to rest: {stats:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn idle_clocks_are_skipped() {
    let card = open();
    let before = asleep(&card, 1);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(card.stats(), before);
    card.read32(MAGIC).unwrap();
    let after = asleep(&card, before.naps + 1);
    assert!(after.clocks - before.clocks < 100, "{before:?} {after:?}");
}

#[test]
fn accesses_outside_are_answered_with_errors() {
    let card = open();
    card.enable_irqs(4).unwrap();
    let region = card.dma_alloc(4096).unwrap();
    copy(&card, region.iova() + 4096, 0, 1);
    assert_eq!(card.read32(RESPONSES).unwrap(), (Response::SlaveError as u32) << 2, "unmapped host memory");
    copy(&card, region.iova(), 1 << 20, 1);
    assert_eq!(card.read32(RESPONSES).unwrap(), Response::DecodeError as u32, "beyond the DRAM");
    let fault = |access, response| Fault { access, range: 0..u64::MAX, response, times: 1 };
    card.inject(Side::Dram, fault(Access::Write, Response::SlaveError));
    copy(&card, region.iova(), 0, 1);
    assert_eq!(card.read32(RESPONSES).unwrap(), Response::SlaveError as u32);
    card.inject(Side::Host, fault(Access::Write, Response::DecodeError));
    copy(&card, region.iova(), 0, 2);
    assert_eq!(card.read32(RESPONSES).unwrap(), Response::DecodeError as u32);
    copy(&card, region.iova(), 0, 2);
    assert_eq!(card.read32(RESPONSES).unwrap(), 0);
    let iova = region.iova();
    drop(region);
    copy(&card, iova, 0, 1);
    assert_eq!(card.read32(RESPONSES).unwrap(), (Response::SlaveError as u32) << 2, "freed host memory");
}

#[test]
fn offsets_and_vectors_are_checked() {
    let card = open();
    for offset in [2, 0x1_0000, 1 << 40] {
        assert!(matches!(card.read32(offset), Err(TransportError::BadOffset { .. })), "{offset:#x}");
        assert!(matches!(card.write32(offset, 0), Err(TransportError::BadOffset { .. })), "{offset:#x}");
    }
    card.enable_irqs(2).unwrap();
    assert!(matches!(
        card.wait_irq(2, Duration::ZERO),
        Err(TransportError::BadVector { vector: 2, enabled: 2 })
    ));
    assert!(!card.wait_irq(1, Duration::from_millis(20)).unwrap());
}

#[test]
fn reset_drops_what_is_outstanding() {
    let mut options = options();
    options.host.read_latency = 5_000_000;
    let card = SimCard::open_design(&stub(), options).unwrap();
    card.enable_irqs(4).unwrap();
    card.write32(GO, 1).unwrap();
    assert!(!card.wait_irq(IRQ_VECTOR, Duration::from_millis(50)).unwrap());
    let busy = card.stats();
    card.reset().unwrap();
    let rest = asleep(&card, busy.naps + 1);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(card.stats(), rest, "nothing runs after the reset");
    assert_eq!(card.read32(MAGIC).unwrap(), 0x5a52_4650);
}

#[test]
fn a_removed_card_reads_all_ones() {
    let card = open();
    card.enable_irqs(4).unwrap();
    card.remove();
    assert_eq!(card.read32(MAGIC).unwrap(), u32::MAX);
    card.write32(GO, 1).unwrap();
    assert!(!card.wait_irq(IRQ_VECTOR, Duration::from_millis(20)).unwrap());
    assert!(matches!(card.reset(), Err(TransportError::Lost { .. })));
}

#[test]
fn a_broken_rule_loses_the_card_with_the_reason() {
    let card = open();
    card.enable_irqs(4).unwrap();
    card.write32(GO, 3).unwrap();
    let e = card.wait_irq(IRQ_VECTOR, Duration::from_secs(20)).unwrap_err();
    assert!(e.to_string().contains("crosses 4 KiB"), "{e}");
    let e = card.read32(MAGIC).unwrap_err();
    assert!(e.to_string().contains("crosses 4 KiB"), "{e}");
    assert!(card.write32(GO, 1).is_err() && card.reset().is_err());
}

#[test]
fn a_register_that_never_answers_loses_the_card() {
    let card = open();
    let e = card.read32(HANGS).unwrap_err();
    assert!(e.to_string().contains("no answer"), "{e}");
}

#[test]
fn closing_ends_a_busy_card() {
    let mut options = options();
    options.host.read_latency = u32::MAX;
    let card = SimCard::open_design(&stub(), options).unwrap();
    card.write32(GO, 1).unwrap();
    let start = Instant::now();
    drop(card);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn waveforms_cover_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let traced = BuildOptions { trace: true, ..Default::default() };
    if let Err(e @ SimError::ToolMissing { .. }) = build(&stub(), &traced) {
        return eprintln!("SKIPPED: no waveforms: {e}");
    }
    let sizes = [(0, None), (0, Some(20)), (u64::MAX, None)].map(|(start, clocks)| {
        let path = dir.path().join(format!("{start}-{clocks:?}.fst"));
        let trace = Some(Waveform { path: path.clone(), start, clocks });
        let card = SimCard::open_design(&stub(), SimOptions { trace, ..options() }).unwrap();
        for _ in 0..20 {
            card.read32(MAGIC).unwrap();
        }
        drop(card);
        std::fs::metadata(path).map_or(0, |m| m.len())
    });
    assert!(sizes[0] > sizes[1] && sizes[1] > 100 && sizes[2] == 0, "{sizes:?}");
    let trace = Some(Waveform { path: "/nonexistent/x.fst".into(), start: 0, clocks: None });
    let e = SimCard::open_design(&stub(), SimOptions { trace, ..options() }).unwrap_err();
    assert!(matches!(e, SimError::Trace { .. }), "{e}");
}

#[test]
fn missing_ports_and_bad_sizes_are_refused() {
    let design = Design::elaborate(&Module::new("no_card").clocked().build()).unwrap();
    let e = SimCard::open_design(&design, options()).unwrap_err();
    assert!(matches!(e, SimError::NoSuchPort { .. }), "{e}");
    let e = SimCard::open_design(&stub(), SimOptions { dram_bytes: Some(100), ..options() }).unwrap_err();
    assert!(matches!(e, SimError::Config(_)), "{e}");
}
