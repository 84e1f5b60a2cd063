//! Organisations beside each other on one server, which are told apart by their names.

use crate::twilio::failure;
use backend::organisations::{self, Listed};
use backend::testing::{TestBackend, on_each_engine};
use model::FailureCode;
use model::phone::Country;

fn country(code: &str) -> Country {
    Country::from_code(code).unwrap()
}

#[tokio::test]
async fn a_name_belongs_to_one_organisation_of_a_server() {
    on_each_engine(async |t: TestBackend| {
        let (b, stranger) = (&t.backend, t.stranger().await);
        let field = |result: backend::Result<()>| failure(result).field;
        for taken in ["Harbour Clinic", " harbour CLINIC "] {
            let again = organisations::create(b, taken, Country::AU).await.map(|_| ());
            assert_eq!(field(again).as_deref(), Some("name"), "{taken}");
            let renamed = organisations::update(b, &stranger, taken, "AU", "patient").await;
            assert_eq!(field(renamed).as_deref(), Some("name"), "{taken}");
        }
        // Its own name is free to it.
        organisations::update(b, &t.admin, "HARBOUR Clinic", "AU", "patient").await.unwrap();
        assert_eq!(organisations::by_name(b, Some("harbour clinic ")).await.unwrap(), t.org);
        assert_eq!(organisations::by_name(b, Some("Hill Dental")).await.unwrap(), stranger.org_id);
        assert_eq!(failure(organisations::by_name(b, Some("Hill")).await).code, FailureCode::NotFound);
        assert_eq!(failure(organisations::by_name(b, None).await).code, FailureCode::Invalid);
        let listed =
            |name: &str, lines| Listed { name: name.to_owned(), country: "AU".to_owned(), lines, staff: 1 };
        assert_eq!(
            organisations::list(b).await.unwrap(),
            [listed("HARBOUR Clinic", 1), listed("Hill Dental", 0)]
        );
        t
    })
    .await;
}

#[tokio::test]
async fn two_who_add_one_name_at_once_make_one_organisation() {
    on_each_engine(async |t: TestBackend| {
        let make = || organisations::create(&t.backend, "Bay Physio", Country::AU);
        let made = futures::future::join_all([make(), make(), make()]).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        t
    })
    .await;
}

#[tokio::test]
async fn a_country_is_one_whose_numbers_can_be_read() {
    on_each_engine(async |t: TestBackend| {
        let made = organisations::create(&t.backend, "Bay Physio", country("ZZ")).await;
        assert_eq!(failure(made).field.as_deref(), Some("country"));
        let moved = organisations::update(&t.backend, &t.admin, "Harbour Clinic", "ZZ", "patient").await;
        assert_eq!(failure(moved).field.as_deref(), Some("country"));
        organisations::create(&t.backend, "Bay Physio", country("NZ")).await.unwrap();
        t
    })
    .await;
}
