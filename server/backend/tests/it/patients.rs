//! Records of patients, and how they are found.

use crate::twilio::{inbox_ids, is_read, signed};
use backend::providers::WebhookKind;
use backend::testing::{TestBackend, on_each_engine};
use backend::{Error, conversations, patients};
use model::FailureCode;
use model::patient::{NumberInput, PatientChange, PatientInput};
use model::staff::Role;

fn patient(name: &str, numbers: &[&str]) -> PatientInput {
    PatientInput {
        name: name.to_owned(),
        numbers: numbers
            .iter()
            .map(|n| NumberInput { number: (*n).to_owned(), label: String::new() })
            .collect(),
        ..PatientInput::default()
    }
}

fn failure<T>(result: Result<T, Error>) -> model::Failure {
    match result {
        Err(Error::Failure(failure)) => failure,
        Err(other) => panic!("expected a failure, got {other}"),
        Ok(_) => panic!("expected a failure"),
    }
}

#[tokio::test]
async fn a_patient_is_found_by_name_by_number_in_any_format_and_by_its_last_digits() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let amelia = patients::create(b, &t.admin, &patient("Amelia Hart", &["0491 570 156"])).await.unwrap();
        patients::create(b, &t.admin, &patient("Ben 50%_Okafor", &["0491 570 157"])).await.unwrap();
        for search in
            ["amelia", "HART", "ia ha", "+61 491 570 156", "(04) 9157-0156", "0156", "570156", "491570156"]
        {
            let page = patients::list(b, &t.admin, Some(search), None).await.unwrap();
            let found: Vec<_> = page.items.iter().map(|row| row.patient.id).collect();
            assert_eq!(found, [amelia.id], "{search}");
        }
        for (search, expected) in [("%", 1), ("_", 1), ("156", 0), ("nobody", 0), ("", 2)] {
            let page = patients::list(b, &t.admin, Some(search), None).await.unwrap();
            assert_eq!(page.items.len(), expected, "{search}");
        }
        t
    })
    .await;
}

#[tokio::test]
async fn a_reference_is_found_in_any_case_of_any_script() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let referred =
            |reference: &str| PatientInput { reference: Some(reference.to_owned()), ..patient("Sam", &[]) };
        let id = patients::create(b, &t.admin, &referred("Ä-12")).await.unwrap().id;
        patients::create(b, &t.admin, &referred("B-12")).await.unwrap();
        let found = async |search: &str| {
            let page = patients::list(b, &t.admin, Some(search), None).await.unwrap();
            page.items.iter().map(|row| row.patient.id).collect::<Vec<_>>()
        };
        for search in ["Ä-12", "ä-12", "Ä-1", "ä"] {
            assert_eq!(found(search).await, [id], "{search}");
        }
        let change = PatientChange { reference: Some(Some("Ö-7".to_owned())), ..PatientChange::default() };
        patients::change(b, &t.admin, id, change).await.unwrap();
        assert_eq!((found("ö-7").await, found("ä-12").await), (vec![id], vec![]));

        // As a version before left them.
        t.alter("UPDATE patient SET reference_folded = NULL").await;
        assert_eq!(found("ö-7").await, []);
        patients::fold_references(b).await.unwrap();
        assert_eq!((found("ö-7").await, found("-12").await.len()), (vec![id], 1));
        t
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_different_fields_at_once_overwrite_nothing() {
    on_each_engine(async |t: TestBackend| {
        let input = patient("Amelia Hart", &["0491 570 156"]);
        let id = patients::create(&t.backend, &t.admin, &input).await.unwrap().id;
        let change = |change: PatientChange| {
            let (backend, admin) = (t.backend.clone(), t.admin.clone());
            tokio::spawn(async move { patients::change(&backend, &admin, id, change).await.unwrap() })
        };
        for round in 0..10 {
            let (name, notes) = (format!("Amelia {round}"), format!("Call after {round}"));
            let reference = Some(Some(format!("R{round}")));
            let number =
                NumberInput { number: format!("0491 570 15{}", 6 + round % 4), ..NumberInput::default() };
            let changes = [
                PatientChange { name: Some(name.clone()), ..PatientChange::default() },
                PatientChange { notes: Some(notes.clone()), ..PatientChange::default() },
                PatientChange { reference: reference.clone(), ..PatientChange::default() },
                PatientChange { numbers: Some(vec![number]), ..PatientChange::default() },
            ];
            futures::future::join_all(changes.map(change)).await;
            let kept = patients::get(&t.backend, &t.admin, id).await.unwrap();
            assert_eq!((kept.name, kept.notes, Some(kept.reference)), (name, notes, reference));
            assert_eq!(kept.numbers[0].number.as_e164(), format!("+6149157015{}", 6 + round % 4));
        }
        let born = PatientChange { born: Some(Some("1984-02-29".to_owned())), ..PatientChange::default() };
        assert!(change(born).await.unwrap().born.is_some());
        let gone = PatientChange { born: Some(None), reference: Some(None), ..PatientChange::default() };
        let kept = change(gone).await.unwrap();
        assert_eq!((kept.born, kept.reference, kept.numbers.len()), (None, None, 1));
        t
    })
    .await;
}

#[tokio::test]
async fn a_record_with_a_number_that_nobody_could_type_can_be_changed_all_the_same() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let id = patients::create(b, &t.admin, &patient("Amelia Hart", &[])).await.unwrap().id;
        // A landline that sends texts, as some gateways do: staff may link it, though it could not be typed.
        let fields =
            [("MessageSid", "SM1"), ("SmsStatus", "received"), ("From", "+61255501234"), ("Body", "Hi")];
        is_read(&t, &signed(&t, WebhookKind::Inbound, &fields)).await;
        patients::link(b, &t.admin, id, inbox_ids(&t).await[0]).await.unwrap();
        let change = PatientChange { notes: Some("Deaf".to_owned()), ..PatientChange::default() };
        let kept = patients::change(b, &t.admin, id, change).await.unwrap();
        assert_eq!((kept.notes.as_str(), kept.numbers.len()), ("Deaf", 1));
        t
    })
    .await;
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_without_gaps() {
    on_each_engine(async |t: TestBackend| {
        for n in 0..120 {
            // Equal names: the cursor must not skip those that share one.
            patients::create(&t.backend, &t.admin, &patient(&format!("Sam {}", n / 60), &[])).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = patients::list(&t.backend, &t.admin, None, cursor.as_deref()).await.unwrap();
            seen.extend(page.items.into_iter().map(|row| row.patient.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((all, seen.len()), (120, 120));
        t
    })
    .await;
}

#[tokio::test]
async fn whoever_is_called_so_comes_before_whoever_has_it_in_the_name() {
    on_each_engine(async |t: TestBackend| {
        for n in 0..60 {
            for name in
                [format!("Lee Abbot {n:02}"), format!("Abbot Lee {n:02}"), format!("Zoe Abbot {n:02}")]
            {
                patients::create(&t.backend, &t.admin, &patient(&name, &[])).await.unwrap();
            }
        }
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, None);
        loop {
            let page = patients::list(&t.backend, &t.admin, Some(" ABBOT"), cursor.as_deref()).await.unwrap();
            seen.extend(page.items.into_iter().map(|row| row.patient.name));
            pages += 1;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let named = ["Abbot Lee", "Lee Abbot", "Zoe Abbot"];
        let all = named.iter().flat_map(|name| (0..60).map(move |n| format!("{name} {n:02}")));
        assert_eq!((pages, seen), (4, all.collect::<Vec<_>>()));
        t
    })
    .await;
}

#[tokio::test]
async fn wrong_input_names_its_field() {
    on_each_engine(async |t: TestBackend| {
        let cases = [
            (patient("  ", &[]), "name"),
            (patient("Sam", &["0491 570 156", "12"]), "numbers.1"),
            (patient("Sam", &["02 9123 4567"]), "numbers.0"),
            (PatientInput { born: Some("29/02/1984".to_owned()), ..patient("Sam", &[]) }, "born"),
            (PatientInput { born: Some("1983-02-29".to_owned()), ..patient("Sam", &[]) }, "born"),
        ];
        for (input, field) in cases {
            let failure = failure(patients::create(&t.backend, &t.admin, &input).await);
            assert_eq!((failure.code, failure.field.as_deref()), (FailureCode::Invalid, Some(field)));
        }
        assert_eq!(
            failure(patients::list(&t.backend, &t.admin, None, Some("zz")).await).field.as_deref(),
            Some("cursor")
        );
        t
    })
    .await;
}

#[tokio::test]
async fn a_number_may_belong_to_a_family() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let conversation = conversations::open(b, &t.admin, "0491 570 156").await.unwrap();
        let mother = patients::create(b, &t.admin, &patient("Amelia Hart", &["0491 570 156"])).await.unwrap();
        let child = patients::create(b, &t.admin, &patient("Zoe Hart", &["+61491570156"])).await.unwrap();
        assert_eq!(mother.numbers[0].conversation_id, Some(conversation));
        let view = conversations::get(b, &t.admin, conversation).await.unwrap();
        let mut linked: Vec<_> = view.row.patients.iter().map(|p| p.id).collect();
        linked.sort();
        assert_eq!(linked, [mother.id, child.id]);

        patients::unlink(b, &t.admin, child.id, conversation).await.unwrap();
        let view = conversations::get(b, &t.admin, conversation).await.unwrap();
        assert_eq!(view.row.patients.len(), 1);
        assert!(patients::get(b, &t.admin, child.id).await.unwrap().numbers.is_empty());
        t
    })
    .await;
}

#[tokio::test]
async fn a_stranger_s_conversation_is_linked_to_a_patient() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let conversation = conversations::open(b, &t.admin, "0491 570 158").await.unwrap();
        assert!(conversations::get(b, &t.admin, conversation).await.unwrap().row.patients.is_empty());
        let chloe = patients::create(b, &t.admin, &patient("Chloe Nguyen", &[])).await.unwrap();
        patients::link(b, &t.admin, chloe.id, conversation).await.unwrap();
        patients::link(b, &t.admin, chloe.id, conversation).await.unwrap();
        let row = conversations::get(b, &t.admin, conversation).await.unwrap().row;
        assert_eq!(row.title(), "Chloe Nguyen");
        let numbers = patients::get(b, &t.admin, chloe.id).await.unwrap().numbers;
        assert_eq!(numbers.iter().map(|n| n.number.as_e164()).collect::<Vec<_>>(), ["+61491570158"]);
        t
    })
    .await;
}

#[tokio::test]
async fn numbers_do_not_lie_in_the_database_in_the_open() {
    on_each_engine(async |t: TestBackend| {
        patients::create(&t.backend, &t.admin, &patient("Amelia Hart", &["0491 570 156"])).await.unwrap();
        let sealed = t
            .count("SELECT COUNT(*) FROM number WHERE CAST(address_sealed AS TEXT) NOT LIKE '%570156%'")
            .await;
        let all = t.count("SELECT COUNT(*) FROM number").await;
        assert_eq!((sealed, all), (2, 2));
        t
    })
    .await;
}

#[tokio::test]
async fn records_are_scoped_and_guarded() {
    on_each_engine(async |t: TestBackend| {
        let b = &t.backend;
        let amelia = patients::create(b, &t.admin, &patient("Amelia Hart", &["0491 570 156"])).await.unwrap();
        let stranger = t.stranger().await;
        let nobody = b.clock.new_id();
        assert_eq!(
            failure(patients::get(b, &stranger, amelia.id).await),
            failure(patients::get(b, &stranger, nobody).await)
        );
        assert_eq!(
            failure(patients::update(b, &stranger, amelia.id, &patient("X", &[])).await).code,
            FailureCode::NotFound
        );
        assert_eq!(failure(patients::delete(b, &stranger, amelia.id).await).code, FailureCode::NotFound);
        assert!(patients::list(b, &stranger, None, None).await.unwrap().items.is_empty());

        let viewer = t.colleague(Role::Viewer).await;
        assert!(patients::get(b, &viewer, amelia.id).await.is_ok());
        assert_eq!(
            failure(patients::create(b, &viewer, &patient("X", &[])).await).code,
            FailureCode::NotAllowed
        );
        assert_eq!(failure(patients::delete(b, &viewer, amelia.id).await).code, FailureCode::NotAllowed);

        patients::delete(b, &t.admin, amelia.id).await.unwrap();
        assert_eq!(failure(patients::get(b, &t.admin, amelia.id).await).code, FailureCode::NotFound);
        t
    })
    .await;
}
