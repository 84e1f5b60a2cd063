//! Lines, and whose their numbers are.

use crate::twilio::failure;
use backend::lines::{self, NewLine};
use backend::testing::{TestBackend, on_each_engine};
use backend::{Backend, Parts, live};
use model::FailureCode;
use model::line::ProviderKind;

fn simulator(number: &str) -> NewLine {
    NewLine {
        name: "Front desk".to_owned(),
        number: number.to_owned(),
        provider: ProviderKind::Simulator,
        credentials: serde_json::Value::Null,
    }
}

fn in_mock_mode(t: &TestBackend) -> Backend {
    let b = &t.backend;
    Backend::new(Parts {
        store: b.store.clone(),
        blobs: b.blobs.clone(),
        http: b.http.clone(),
        clock: b.clock.clone(),
        keys: b.keys.clone(),
        settings: backend::Settings { mock_mode: true, ..b.settings.clone() },
        live: live::Hub::default(),
    })
}

#[tokio::test]
async fn a_simulated_number_belongs_to_one_organisation_of_a_server() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let stranger = t.stranger().await;
        let ours = lines::create(b, &t.admin, simulator("0491 570 110")).await.unwrap();
        let taken = failure(lines::create(b, &stranger, simulator("+61 491 570 110")).await);
        assert_eq!((taken.code, taken.field.as_deref()), (FailureCode::Invalid, Some("number")));
        lines::create(b, &stranger, simulator("0491 570 157")).await.unwrap();
        // Ours is with a real carrier, and no number of the simulated network.
        lines::create(b, &stranger, simulator("0491 570 006")).await.unwrap();

        // Unless every line is a simulator.
        let mock = in_mock_mode(&t);
        let taken = failure(lines::create(&mock, &stranger, simulator("0491 570 110")).await);
        assert_eq!(taken.field.as_deref(), Some("number"));
        let known = lines::simulators(&mock).await.unwrap();
        let front_desk: Vec<_> =
            known.iter().filter(|line| line.account.sender.as_e164() == "+61491570006").collect();
        assert_eq!(front_desk.len(), 1, "the network knows a number once");
        assert_eq!(front_desk[0].org_id, t.org, "and as whose it was first");
        assert!(known.iter().any(|line| line.line_id == ours.id));
        t
    })
    .await;
}
