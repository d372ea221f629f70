//! `card serve`, and other commands on the card that it serves, each in a process of its own.

mod common;

use common::serving::{card, Serving};
use common::{fail, root, says, succeed, Prove};

/// A proof on a served card is accepted by the verifier, and a measurement is that of the same card in process.
#[test]
fn a_served_card_proves() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let serving = Serving::start(&[&a, &b]);
    for socket in [&a, &b, &a] {
        let info = succeed(["card", "info", "--card", &card(socket), "--json"]);
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        assert_eq!((&info["card"], &info["dram_bytes"]), (&"vfio-user".into(), &(64 << 20).into()));
    }
    let prove = Prove::new();
    succeed(prove.args(&["--card", &card(&b)]));
    let vkey = root().join("tests/circuits/membership/verification_key.json");
    succeed([
        "groth16".as_ref(),
        "verify".as_ref(),
        vkey.as_os_str(),
        prove.public.as_os_str(),
        prove.proof.as_os_str(),
    ]);

    let bench = |card: &str| {
        let line = succeed(["bench", "msm", "--log-n", "6", "--seed", "1", "--json", "--card", card]);
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    let (served, local) = (bench(&card(&a)), bench("sim:dram=64MiB"));
    assert_eq!(
        (&served["bound_adder_cycles"], &served["checked"]),
        (&local["bound_adder_cycles"], &true.into())
    );
    assert!(served["simulated_clocks_per_second"].is_null() && local["simulated_clocks_per_second"].is_f64());
    says(
        &fail(["bench", "msm", "--log-n", "6", "--adders", "3", "--card", &card(&a)]),
        &["1 adders", "3 are asked for"],
    );

    says(&fail(["card", "serve", "--socket", a.to_str().unwrap()]), &["in use by another card"]);
    drop(serving);
    says(&fail(["card", "info", "--card", &card(&a)]), &["no card is served"]);
    // The sockets are left over; a new server replaces them.
    let again = Serving::start(&[&a]);
    succeed(["card", "info", "--card", &card(&a)]);
    drop(again);
}

#[test]
fn sockets_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    says(&fail(["card", "info", "--card", &card(&none)]), &["no such socket", "card serve"]);
    says(&fail(["card", "info", "--card", "vfio-user:"]), &["vfio-user:SOCKET"]);
    says(&fail(["card", "serve", "--socket", "x", "--card", &card(&none)]), &["only a simulated card"]);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    says(&fail(["card", "serve", "--socket", file.to_str().unwrap()]), &["not a socket"]);
}
