//! `permafrost card top`

use std::io::{IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use permafrost_driver::{CardInfo, Error as Driver, Observer, Resource, Sample, Transport, VfioUserObserver};

use super::args::Top;
use super::look::Look;
use super::{metrics, observe_path};
use crate::card::CardSpec;
use crate::error::Error;
use crate::out;

/// A card that is looked at.
struct Watched {
    /// As `--card` would name it.
    name: String,
    observer: Observer,
    info: Option<CardInfo>,
}

impl Watched {
    fn open(args: &Top) -> Result<Self, Error> {
        let served = |path: &Path, name: String| -> Result<(Arc<dyn Transport>, String), Error> {
            let transport = VfioUserObserver::connect(path).map_err(Driver::from)?;
            Ok((Arc::new(transport), name))
        };
        let by_socket =
            |socket: &Path| served(&observe_path(socket), format!("vfio-user:{}", socket.display()));
        let (transport, name) = if let Some(path) = &args.observe {
            served(path, format!("observe:{}", path.display()))?
        } else if let Some(socket) = &args.socket {
            by_socket(socket)?
        } else if let Some(bdf) = args.card.strip_prefix("vfio:") {
            // Options after a comma are for those who open it.
            let bdf = bdf.split(',').next().unwrap_or_default().parse()?;
            let transport = Resource::open(&args.pci.sysfs(), bdf).map_err(Driver::from)?;
            (Arc::new(transport) as Arc<dyn Transport>, format!("vfio:{bdf}"))
        } else if let CardSpec::VfioUser(socket) = args.card.parse()? {
            by_socket(&socket)?
        } else {
            return Err(Error::NotObservable { card: args.card.clone() });
        };
        Ok(Self { name, observer: Observer::new(transport), info: None })
    }

    /// The card now; `None` while it does not answer.
    fn look(&mut self) -> Result<Option<(CardInfo, Sample)>, Error> {
        let looked = (|| {
            let info = match &self.info {
                Some(info) => info.clone(),
                None => self.observer.info()?,
            };
            let sample = self.observer.sample(&info)?;
            Ok((info, sample))
        })();
        match looked {
            Ok((info, sample)) => {
                self.info = Some(info.clone());
                Ok(Some((info, sample)))
            }
            // Switched off by its user, or in a reset. Another card may be there afterwards.
            Err(Driver::CardLost { .. }) => {
                self.info = None;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub fn top(args: &Top) -> Result<(), Error> {
    let mut watched = Watched::open(args)?;
    if args.metrics {
        let seen = watched.look()?;
        let text = metrics::render(&watched.name, seen.as_ref().map(|(info, sample)| (info, sample)));
        return match &args.out {
            Some(path) => write_whole(path, &text),
            None => out::text(&text),
        };
    }
    let interval = Duration::from_secs_f64(args.interval);
    let in_place = !args.json && std::io::stdout().is_terminal();
    let mut shown = 0;
    let mut earlier = watched.look()?;
    let mut next = Instant::now();
    for round in 0u64.. {
        if args.count.is_some_and(|count| round >= count) {
            break;
        }
        next += interval;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next = next.max(Instant::now()); // after a pause, looks are not made up for
        let now = watched.look()?;
        let look = match (&earlier, &now) {
            (Some((_, earlier)), Some((info, now))) => Look::between(&watched.name, info, earlier, now),
            // Just switched on: rates come with the next look.
            (None, Some((info, now))) => Look::between(&watched.name, info, now, now),
            (_, None) => Look::none(&watched.name),
        };
        earlier = now;
        let text = match (args.json, in_place) {
            (true, _) => out::json_line(&look)?,
            (_, false) => look.render() + "\n",
            (_, true) => {
                // Up to where the last block began, and clear from there.
                let back = if shown > 0 { format!("\x1b[{shown}A\x1b[J") } else { String::new() };
                let block = look.render();
                shown = block.lines().count();
                back + &block
            }
        };
        if !out::stream(&text)? {
            break;
        }
    }
    Ok(())
}

/// Writes a file that others may read, so that nobody ever sees a part of it.
fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A name that the collector, which takes *.prom, does not take for the file itself.
    let mut file =
        tempfile::Builder::new().prefix(".permafrost-").suffix(".tmp").tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let readable = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
