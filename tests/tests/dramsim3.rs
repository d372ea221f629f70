//! Bandwidths of the DRAM model beside those of DRAMsim3, with the same organisation, timing and address map. Prints
//! the table of docs/simulation.md.

use std::path::Path;

use dramsim3::MemorySystem;
use permafrost_sim::dram::{DramModel, Preset, Request};
use permafrost_tests::streams::{bandwidth, Memory, Stream, REQUESTS};

/// A DRAMsim3 configuration of one channel and one rank; what is not named is as in its own configurations.
fn config(preset: &Preset) -> String {
    let t = preset.timing;
    let (protocol, rows, columns, device_width, bus_width, megabytes) = match preset.name {
        "ddr4" => ("DDR4", 65536, preset.row_bursts * 8, 8, 64, 8192),
        // A column is two beats to DRAMsim3.
        _ => ("HBM", 32768, preset.row_bursts * 2, 128, 128, 1024),
    };
    format!(
        "[dram_structure]\nprotocol = {protocol}\nbankgroups = {}\nbanks_per_group = {}\nrows = {rows}\n\
         columns = {columns}\ndevice_width = {device_width}\nBL = {}\nnum_dies = 4\n\
         [timing]\ntCK = {}\nAL = 0\nCL = {}\nCWL = {}\ntRCD = {}\ntRCDRD = {}\ntRCDWR = {}\ntRP = {}\ntRAS = {}\n\
         tRFC = {}\ntREFI = {}\ntRRD_S = {}\ntRRD_L = {}\ntWTR_S = {}\ntWTR_L = {}\ntFAW = {}\ntWR = {}\ntRTP = {}\n\
         tCCD_S = {}\ntCCD_L = {}\ntRTRS = {}\n\
         [system]\nchannel_size = {megabytes}\nchannels = 1\nbus_width = {bus_width}\n\
         address_mapping = rorabacobgch\nqueue_structure = PER_BANK\nrefresh_policy = RANK_LEVEL_STAGGERED\n\
         row_buf_policy = OPEN_PAGE\ncmd_queue_size = 8\ntrans_queue_size = 32\n\
         [other]\nepoch_period = 1000000000\noutput_level = 0\n",
        preset.bank_groups,
        preset.banks,
        t.burst * 2,
        1e6 / f64::from(preset.khz),
        t.cl,
        t.cwl,
        t.rcd_rd,
        t.rcd_rd,
        t.rcd_wr,
        t.rp,
        t.ras,
        t.rfc,
        t.refi,
        t.rrd_s,
        t.rrd_l,
        t.wtr_s,
        t.wtr_l,
        t.faw,
        t.wr,
        t.rtp,
        t.ccd_s,
        t.ccd_l,
        t.turnaround,
    )
}

struct Reference(MemorySystem);

impl Reference {
    fn new(preset: &Preset, folder: &Path) -> Self {
        let file = folder.join("memory.ini");
        std::fs::write(&file, config(preset)).unwrap();
        Reference(MemorySystem::new(&file, folder).unwrap())
    }
}

impl Memory for Reference {
    fn offer(&mut self, request: Request) -> bool {
        self.0.can_add(request.address, request.write) && self.0.add(request.address, request.write)
    }

    fn clock(&mut self) -> usize {
        let mut reads = 0;
        self.0.tick(|_, write| reads += usize::from(!write));
        reads
    }
}

#[test]
fn bandwidths_agree() {
    let folder = tempfile::tempdir().unwrap();
    let mut worst: f64 = 0.0;
    for preset in Preset::ALL {
        println!("\n| {} | model, GB/s | DRAMsim3, GB/s | difference |\n|---|---|---|---|", preset.name);
        for stream in Stream::ALL {
            let requests = stream.requests(REQUESTS);
            let model = bandwidth(&mut DramModel::new(preset), &requests);
            let reference = bandwidth(&mut Reference::new(&preset, folder.path()), &requests);
            let difference = model / reference - 1.0;
            worst = worst.max(difference.abs());
            let (a, b) = (preset.gigabytes_per_second(model), preset.gigabytes_per_second(reference));
            println!("| {} | {a:.2} | {b:.2} | {:+.1} % |", stream.name(), 100.0 * difference);
        }
    }
    assert!(worst < 0.1, "a bandwidth differs by {:.1} %", 100.0 * worst);
}
