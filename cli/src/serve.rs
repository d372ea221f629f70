//! `permafrost card serve`

use permafrost_sim::vfio_user::Server;

use crate::args::CardServe;
use crate::card::{sim_options, CardSpec, Changes};
use crate::error::Error;
use crate::out;

/// Serves one card on each socket. A line on standard output says when a card can be reached.
pub fn serve(args: &CardServe) -> Result<(), Error> {
    let CardSpec::Sim(spec) = args.card.card.parse()? else {
        return Err(Error::NotServable { card: args.card.card.clone() });
    };
    let mut servers = Vec::new();
    for socket in &args.socket {
        let server = Server::open(socket, sim_options(spec.clone(), Changes::default())?)?;
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
