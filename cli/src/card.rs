//! `--card`: from its text to an open card.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use permafrost_driver::{Bdf, Card, CardOptions, Transport, Vfio, VfioBackend, VfioOptions, VfioUser};
use permafrost_rtl::config::CardConfig;
use permafrost_rtl::target::Target;
use permafrost_sim::dram::Preset;
use permafrost_sim::verilated::{BuildOptions, Progress as Build, ProgressSink};
use permafrost_sim::{SimCard, SimOptions, SimStats, Waveform};

use crate::error::Error;
use crate::progress::Progress;

/// The cards that this build can open, for messages.
pub const KNOWN_CARDS: &str = "sim, sim:OPTIONS, vfio-user:SOCKET, vfio:ADDRESS[,OPTIONS]";
const VFIO_OPTIONS: &str = "scale=N, backend=NAME";
const SIM_OPTIONS: &str =
    "dram=SIZE, memory=KIND, adders=N, lanes=N, target=NAME, trace=FILE.fst, preset=NAME";
/// Most curve adders of a card.
const MAX_ADDERS: u32 = 4;
/// Most butterflies a clock.
const MAX_LANES: u32 = 8;
/// Bytes that the card's memory port moves in a clock, in each direction.
const PORT_BYTES: u64 = 64;

/// What `--card` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardSpec {
    Sim(SimSpec),
    /// `vfio-user:…`: the card behind this socket.
    VfioUser(PathBuf),
    /// `vfio:…`: the card at this address of the PCI bus.
    Vfio(VfioSpec),
}

/// `vfio:…`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VfioSpec {
    pub bdf: Bdf,
    /// What deadlines are multiplied by; what fits the card when not given.
    pub scale: Option<u32>,
    pub backend: VfioBackend,
}

/// `sim:…`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimSpec {
    /// DRAM in bytes; the preset's when not given.
    pub dram_bytes: Option<u64>,
    /// Model of the DRAM's timing; fixed latencies when not given.
    pub memory: Option<Preset>,
    /// Curve adders; the preset's when not given.
    pub adders: Option<u32>,
    /// Butterflies a clock; the preset's when not given.
    pub lanes: Option<u32>,
    /// What the arithmetic is pipelined for; the preset's target when not given.
    pub target: Option<Target>,
    pub trace: Option<PathBuf>,
    pub preset: Option<String>,
}

impl FromStr for CardSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "sim" => {}
            "vfio-user" if !options.is_empty() => return Ok(CardSpec::VfioUser(options.into())),
            "vfio-user" => return Err(Error::NoSocket),
            "vfio" => return vfio_spec(options).map(CardSpec::Vfio),
            _ => return Err(Error::UnknownCard { name: name.to_owned(), known: KNOWN_CARDS }),
        }
        let mut spec = SimSpec::default();
        for option in options.split(',').filter(|o| !o.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let wrong =
                |expected| Error::CardOptionValue { key: key.to_owned(), value: value.to_owned(), expected };
            match key {
                "dram" => {
                    let bytes = parse_size(value).ok_or_else(|| wrong("a size such as 64MiB"))?;
                    spec.dram_bytes = Some(bytes);
                }
                "memory" if value == "fixed" => spec.memory = None,
                "memory" => {
                    let preset = Preset::find(value);
                    spec.memory = Some(preset.ok_or_else(|| wrong("fixed, ddr4 or hbm2"))?);
                }
                "adders" => {
                    let adders = value.parse().ok().filter(|n| (1..=MAX_ADDERS).contains(n));
                    spec.adders = Some(adders.ok_or_else(|| wrong("a number from 1 to 4"))?);
                }
                "lanes" => {
                    let lanes = value.parse().ok();
                    let lanes = lanes.filter(|n: &u32| n.is_power_of_two() && *n <= MAX_LANES);
                    spec.lanes = Some(lanes.ok_or_else(|| wrong("1, 2, 4 or 8"))?);
                }
                "trace" if value.ends_with(".fst") => spec.trace = Some(PathBuf::from(value)),
                "trace" => return Err(wrong("a file name that ends in .fst")),
                "target" => {
                    spec.target = Some(value.parse().map_err(|_| wrong("generic or xcup"))?);
                }
                "preset" if !value.is_empty() => spec.preset = Some(value.to_owned()),
                "preset" => return Err(wrong("the name of a preset")),
                _ => return Err(Error::UnknownCardOption { key: key.to_owned(), known: SIM_OPTIONS }),
            }
        }
        Ok(CardSpec::Sim(spec))
    }
}

fn vfio_spec(text: &str) -> Result<VfioSpec, Error> {
    let mut parts = text.split(',');
    let bdf = parts.next().unwrap_or_default().parse()?;
    let mut spec = VfioSpec { bdf, scale: None, backend: VfioBackend::default() };
    for option in parts.filter(|o| !o.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let wrong =
            |expected| Error::CardOptionValue { key: key.to_owned(), value: value.to_owned(), expected };
        match (key, value) {
            ("scale", _) => {
                let scale = value.parse().ok().filter(|scale| *scale >= 1);
                spec.scale = Some(scale.ok_or_else(|| wrong("a number from 1"))?);
            }
            ("backend", "group") => spec.backend = VfioBackend::Group,
            ("backend", "iommufd") => spec.backend = VfioBackend::Iommufd,
            ("backend", _) => return Err(wrong("group or iommufd")),
            _ => return Err(Error::UnknownCardOption { key: key.to_owned(), known: VFIO_OPTIONS }),
        }
    }
    Ok(spec)
}

/// A positive size in bytes: decimal digits and one of no suffix, KiB, MiB, GiB.
pub fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    let shift = match suffix {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    let value: u64 = digits.parse().ok()?;
    let bytes = value.checked_mul(1 << shift)?;
    (bytes > 0).then_some(bytes)
}

/// An open card, and what is known of the simulation behind it.
pub struct OpenCard {
    pub card: Card,
    /// `None`: the card is not simulated in this process.
    simulation: Option<Simulation>,
}

struct Simulation {
    card: Arc<SimCard>,
    memory: Option<Preset>,
    clock_khz: u32,
}

/// What is to be otherwise than `--card` says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    pub adders: Option<u32>,
    pub lanes: Option<u32>,
}

impl OpenCard {
    /// Figures of the simulation, if it is in this process.
    pub fn simulation(&self) -> Option<SimStats> {
        self.simulation.as_ref().map(|s| s.card.stats())
    }

    /// Simulated clocks per second of host time since `before`.
    pub fn speed_since(&self, before: Option<SimStats>) -> Option<f64> {
        Some(self.simulation()?.speed_since(&before?))
    }

    /// Name of the model of the memory's timing.
    pub fn memory_name(&self) -> &'static str {
        match &self.simulation {
            Some(simulation) => simulation.memory.map_or("fixed", |memory| memory.name),
            None => "unknown",
        }
    }

    /// Clocks that the card's memory takes at least to move these bytes: its port moves 64 a clock in each direction, and its
    /// data bus, if it is known to be modelled, is shared by both.
    pub fn memory_bound(&self, read: u64, written: u64) -> u64 {
        let port = read.max(written).div_ceil(PORT_BYTES);
        let bus = self.simulation.as_ref().and_then(|simulation| {
            let memory = simulation.memory?;
            let clocks = (read + written) as f64 / memory.peak();
            Some(clocks * f64::from(simulation.clock_khz) / f64::from(memory.khz))
        });
        port.max(bus.unwrap_or(0.0).ceil() as u64)
    }
}

/// The way to a card which is not brought up yet.
pub struct Connected {
    pub transport: Arc<dyn Transport>,
    simulation: Option<Simulation>,
}

impl Connected {
    /// Brings the card up.
    pub fn open(self, options: CardOptions) -> Result<OpenCard, Error> {
        let card = Card::open(self.transport, options)?;
        Ok(OpenCard { card, simulation: self.simulation })
    }
}

/// The way to the card that `--card` names. The first time, this builds the simulator, which is announced.
pub fn connect(text: &str) -> Result<Connected, Error> {
    reach(text.parse()?, Changes::default())
}

fn reach(spec: CardSpec, changes: Changes) -> Result<Connected, Error> {
    match spec {
        CardSpec::Sim(spec) => {
            let memory = spec.memory;
            let options = sim_options(spec, changes)?;
            let clock_khz = options.config.clock_khz;
            let card = Arc::new(SimCard::open(options)?);
            let simulation = Some(Simulation { card: card.clone(), memory, clock_khz });
            Ok(Connected { transport: card, simulation })
        }
        CardSpec::VfioUser(path) => {
            let transport = Arc::new(VfioUser::connect(&path).map_err(permafrost_driver::Error::from)?);
            Ok(Connected { transport, simulation: None })
        }
        CardSpec::Vfio(VfioSpec { bdf, scale, backend }) => {
            let options = VfioOptions { deadline_scale: scale, backend, ..VfioOptions::default() };
            let transport = Arc::new(Vfio::open(bdf, options).map_err(permafrost_driver::Error::from)?);
            Ok(Connected { transport, simulation: None })
        }
    }
}

/// Opens the card that `--card` names.
pub fn open(text: &str) -> Result<OpenCard, Error> {
    open_with(text, Changes::default())
}

/// [`open`] with a card that differs from what the text says; one that is there already must be like that.
pub fn open_with(text: &str, changes: Changes) -> Result<OpenCard, Error> {
    let spec: CardSpec = text.parse()?;
    let place = match &spec {
        CardSpec::Sim(_) => None,
        CardSpec::VfioUser(path) => Some(path.display().to_string()),
        CardSpec::Vfio(spec) => Some(spec.bdf.to_string()),
    };
    let open = reach(spec, changes)?.open(CardOptions::default())?;
    if let Some(place) = place {
        let info = open.card.info();
        let adders = info.msm.as_ref().map_or(0, |msm| msm.adders);
        let lanes = info.ntt.as_ref().map_or(0, |ntt| ntt.lanes);
        for (what, wanted, seen) in [("adders", changes.adders, adders), ("lanes", changes.lanes, lanes)] {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != seen) {
                return Err(Error::OtherCard { what, wanted, seen, place });
            }
        }
    }
    Ok(open)
}

/// The simulated card that `spec` describes.
pub fn sim_options(spec: SimSpec, changes: Changes) -> Result<SimOptions, Error> {
    let mut config = match &spec.preset {
        Some(name) => CardConfig::preset(name)?,
        None => CardConfig::sim(),
    };
    if let Some(adders) = changes.adders.or(spec.adders) {
        config.adders = adders as usize;
    }
    if let Some(lanes) = changes.lanes.or(spec.lanes) {
        config.ntt_lanes = lanes as usize;
    }
    if let Some(target) = spec.target {
        config.target = target;
    }
    let base = match spec.memory {
        Some(preset) => SimOptions::new(config).with_memory(preset),
        None => SimOptions::new(config),
    };
    Ok(SimOptions {
        dram_bytes: spec.dram_bytes,
        trace: spec.trace.map(|path| Waveform { path, start: 0, clocks: None }),
        build: BuildOptions { progress: announce(), ..BuildOptions::default() },
        ..base
    })
}

/// Shows the build of the simulator; says nothing when the cache has it.
fn announce() -> ProgressSink {
    let shown: std::sync::Mutex<Option<Progress>> = std::sync::Mutex::default();
    ProgressSink::new(move |step| {
        // A panic of another receiver call leaves nothing half done.
        let mut shown = shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match step {
            Build::Waiting => eprintln!("card: wait for another process that builds the same simulator"),
            Build::Started => {
                eprintln!("card: build the simulator from the generated Verilog (once; the cache keeps it)");
                *shown = Some(Progress::start("generate C++"));
            }
            Build::Compiling { done, total } => {
                if let Some(progress) = &*shown {
                    progress.stage(format!("compile C++: {done} of {total} files"));
                }
            }
            Build::Linking => {
                if let Some(progress) = &*shown {
                    progress.stage("link");
                }
            }
            Build::Finished { seconds } => {
                *shown = None;
                eprintln!("card: simulator built in {seconds:.0} s");
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_sim() {
        assert_eq!("sim".parse::<CardSpec>().unwrap(), CardSpec::Sim(SimSpec::default()));
    }

    #[test]
    fn options() {
        let spec = "sim:dram=64MiB,memory=hbm2,adders=3,lanes=4,target=xcup,trace=out.fst,preset=sim"
            .parse::<CardSpec>()
            .unwrap();
        let expected = SimSpec {
            dram_bytes: Some(64 << 20),
            memory: Some(Preset::HBM2),
            adders: Some(3),
            lanes: Some(4),
            target: Some(Target::Xcup),
            trace: Some("out.fst".into()),
            preset: Some("sim".into()),
        };
        assert_eq!(spec, CardSpec::Sim(expected));
    }

    #[test]
    fn memories() {
        let memory = |text: &str| match text.parse().unwrap() {
            CardSpec::Sim(spec) => spec.memory,
            other => panic!("{other:?}"),
        };
        assert_eq!(memory("sim:memory=ddr4"), Some(Preset::DDR4_2400));
        assert_eq!(memory("sim:memory=hbm2"), Some(Preset::HBM2));
        assert_eq!(memory("sim:memory=fixed"), None);
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size("2GiB"), Some(2 << 30));
        for wrong in ["", "MiB", "0", "64MB", "-1", "99999999999999999999", "99999999999GiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sockets() {
        let card = |text: &str| text.parse::<CardSpec>();
        assert_eq!(card("vfio-user:/run/a:b,c").unwrap(), CardSpec::VfioUser("/run/a:b,c".into()));
        for text in ["vfio-user", "vfio-user:"] {
            assert!(card(text).unwrap_err().to_string().contains("vfio-user:SOCKET"));
        }
    }

    #[test]
    fn addresses() {
        let card = |text: &str| text.parse::<CardSpec>();
        let bdf = "0000:01:00.0".parse().unwrap();
        let plain = VfioSpec { bdf, scale: None, backend: VfioBackend::Group };
        assert_eq!(card("vfio:0000:01:00.0").unwrap(), CardSpec::Vfio(plain));
        assert_eq!(card("vfio:01:00.0,backend=group").unwrap(), CardSpec::Vfio(plain));
        let all = VfioSpec { bdf, scale: Some(25_000), backend: VfioBackend::Iommufd };
        assert_eq!(card("vfio:0000:01:00.0,scale=25000,backend=iommufd").unwrap(), CardSpec::Vfio(all));
        for (text, part) in [
            ("vfio", "0000:01:00.0"),
            ("vfio:card0", "`card0`"),
            ("vfio:01:00.0,scale=0", "scale=0: expected a number from 1"),
            ("vfio:01:00.0,backend=uio", "group or iommufd"),
            ("vfio:01:00.0,sysfs=/x", "backend=NAME"),
        ] {
            let message = card(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn refusals_name_what_is_known() {
        let message = |text: &str| text.parse::<CardSpec>().unwrap_err().to_string();
        assert!(message("vfi").contains("known cards: sim"));
        assert!(message("sim:speed=9").contains("dram=SIZE"));
        assert!(message("sim:dram=lots").contains("64MiB"));
        assert!(message("sim:memory=ddr9").contains("fixed, ddr4 or hbm2"));
        assert!(message("sim:target=asic").contains("generic or xcup"));
        assert!(message("sim:adders=0").contains("from 1 to 4"));
        assert!(message("sim:adders=9").contains("adders=9"));
        assert!(message("sim:lanes=3").contains("1, 2, 4 or 8"));
        assert!(message("sim:trace=out.vcd").contains(".fst"));
    }
}
