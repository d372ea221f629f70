//! `permafrost card serve`

use permafrost_sim::vfio_user::Server;

use crate::args::CardServe;
use crate::card::{sim_options, CardSpec, Changes};
use crate::error::Error;
use crate::ops::observe_path;
use crate::out;

/// Serves one card on each socket. A line on standard output says when a card can be reached.
pub fn serve(args: &CardServe) -> Result<(), Error> {
    let CardSpec::Sim(spec) = args.card.card.parse()? else {
        return Err(Error::NotServable { card: args.card.card.clone() });
    };
    if !args.observe.is_empty() && args.observe.len() != args.socket.len() {
        return Err(Error::ObserveSockets { observe: args.observe.len(), sockets: args.socket.len() });
    }
    let mut servers = Vec::new();
    for (i, socket) in args.socket.iter().enumerate() {
        let mut server = Server::open(socket, sim_options(spec.clone(), Changes::default())?)?;
        server.observe(&args.observe.get(i).cloned().unwrap_or_else(|| observe_path(socket)))?;
        out::text(&format!(
            "{} is served; use it with --card vfio-user:{}\n",
            args.card.card,
            socket.display()
        ))?;
        servers.push(server);
    }
    servers.into_iter().for_each(Server::wait);
    Ok(())
}
