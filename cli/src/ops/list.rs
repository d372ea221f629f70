//! `permafrost card list`

use std::path::Path;
use std::sync::Arc;

use permafrost_driver::sysfs::{Ids, PciFunction, Sysfs};
use permafrost_driver::{Error as Driver, Observer, VfioUserObserver};
use serde_json::{json, Value};

use super::args::List;
use super::observe_path;
use crate::error::{explain, Error};
use crate::out;
use crate::table::{bytes, Table};

pub fn list(args: &List) -> Result<(), Error> {
    let sysfs = args.pci.sysfs();
    let mut cards = Vec::new();
    for function in sysfs.cards(&args.pci.id)? {
        cards.push(on_pci(&sysfs, &function)?);
    }
    let served: Vec<Served> = args.socket.iter().map(|socket| Served::look(socket)).collect();
    if args.json {
        let all: Vec<_> =
            cards.iter().map(|c| c.json.clone()).chain(served.iter().map(Served::json)).collect();
        return out::json(&all);
    }
    let mut text = String::new();
    if cards.is_empty() {
        let ids: Vec<_> = [Ids::CARD].iter().chain(&args.pci.id).map(Ids::to_string).collect();
        text += &format!(
            "There is no card on PCI (ids {}). For a board with ids of its own say --id VVVV:DDDD (`lspci -nn` shows them);\n\
             without a board use --card sim, or serve a simulated card: permafrost card serve --socket PATH\n",
            ids.join(", ")
        );
    }
    if !cards.is_empty() || !served.is_empty() {
        let mut table = Table::new(&["card", "ids", "driver", ">group", ">node", "BARs", "state"]);
        cards.into_iter().for_each(|card| table.row(card.row));
        for served in served {
            let mut row = vec![format!("vfio-user:{}", served.socket)];
            row.extend((0..5).map(|_| "-".to_owned()));
            row.push(served.detail);
            table.row(row);
        }
        text += &table.render();
    }
    out::text(&text)
}

struct OnPci {
    row: Vec<String>,
    json: Value,
}

fn on_pci(sysfs: &Sysfs, card: &PciFunction) -> Result<OnPci, Error> {
    let state = sysfs.state(card)?;
    let group = sysfs.group(card)?;
    let others: Vec<_> =
        group.iter().flat_map(|group| &group.members).filter(|m| m.bdf != card.bdf).collect();
    let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let bars: Vec<_> = card.bars.iter().map(|bar| format!("{}: {}", bar.index, bytes(bar.bytes))).collect();
    let row = vec![
        card.bdf.to_string(),
        card.ids.to_string(),
        card.driver.clone().unwrap_or_else(|| "-".into()),
        number(card.group),
        number(card.numa_node),
        bars.join(", "),
        state.to_string(),
    ];
    let json = json!({
        "card": format!("vfio:{}", card.bdf),
        "bdf": card.bdf.to_string(),
        "ids": card.ids.to_string(),
        "class": format!("{:06x}", card.class),
        "driver": card.driver,
        "driver_override": card.driver_override,
        "iommu_group": card.group,
        "group_others": others.iter().map(|other| json!({
            "bdf": other.bdf.to_string(),
            "driver": other.driver,
        })).collect::<Vec<_>>(),
        "numa_node": card.numa_node,
        "bars": card.bars.iter().map(|bar| json!({ "index": bar.index, "bytes": bar.bytes })).collect::<Vec<_>>(),
        "state": state.name(),
        "detail": state.to_string(),
    });
    Ok(OnPci { row, json })
}

/// A card behind a socket.
struct Served {
    socket: String,
    state: &'static str,
    detail: String,
}

impl Served {
    /// Looks by the observers' socket, which leaves the card to its client.
    fn look(socket: &Path) -> Self {
        let info = VfioUserObserver::connect(&observe_path(socket))
            .map_err(Driver::from)
            .and_then(|transport| Observer::new(Arc::new(transport)).info());
        let (state, detail) = match info {
            Ok(_) => ("in-use", "served; a client uses it".to_owned()),
            Err(Driver::CardLost { .. }) => ("free", "served; no client uses it".into()),
            Err(error) => ("unreachable", explain(&error)),
        };
        Served { socket: socket.display().to_string(), state, detail }
    }

    fn json(&self) -> Value {
        json!({ "card": format!("vfio-user:{}", self.socket), "state": self.state, "detail": self.detail })
    }
}
