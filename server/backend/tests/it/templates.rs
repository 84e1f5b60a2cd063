//! Whose word on WhatsApp's templates counts: that of the account's carrier, for the credentials that it knows.

use crate::sending::with_settings;
use crate::twilio::to;
use crate::whatsapp::{as_template, asked_for_templates, known, lists, refusal, send};
use backend::lines::{self, AccountChange};
use backend::testing::{TWILIO_TOKEN, TestBackend, on_each_engine};
use model::message::Channel;
use serde_json::json;

#[tokio::test]
async fn what_the_simulator_lists_in_its_place_is_not_the_carriers_word() {
    on_each_engine(async |mut t: TestBackend| {
        lists(&t, &[(71, "Please reply.", "approved")]).await;
        let own = known(&t).await[0].id;
        let real = t.backend.clone();
        t.backend = with_settings(&real, |settings| settings.mock_mode = true);
        let simulated = known(&t).await;
        assert!(simulated.iter().all(|template| template.id != own));
        let pretended = simulated.iter().find(|template| template.name == "please_reply").unwrap().id;
        let sent = send(&t, &to(0), &as_template(pretended, &[], "a")).await;
        assert_eq!(sent.channel, Channel::Whatsapp);
        let refused = refusal(&t, &to(0), &as_template(own, &[], "b")).await;
        assert!(refused.message.contains("no such template"), "{}", refused.message);

        t.backend = real;
        let after: Vec<_> = known(&t).await.iter().map(|template| template.id).collect();
        assert_eq!(after, [own]);
        assert_eq!(asked_for_templates(&t).await, 1, "what the carrier told still holds");
        let refused = refusal(&t, &to(0), &as_template(pretended, &[], "b")).await;
        assert!(refused.message.contains("no such template"), "{}", refused.message);
        t
    })
    .await;
}

#[tokio::test]
async fn after_other_credentials_no_template_is_sent_that_was_not_listed_since() {
    on_each_engine(async |t: TestBackend| {
        lists(&t, &[(1, "Please reply.", "approved")]).await;
        let id = known(&t).await[0].id;
        let account = lines::list(&t.backend, &t.admin).await.unwrap()[0].accounts[0].route.account_id;
        let credentials = Some(json!({"auth_token": TWILIO_TOKEN}));
        let change = AccountChange { credentials, ..AccountChange::default() };
        lines::update_account(&t.backend, &t.admin, account, change).await.unwrap();
        let refused = refusal(&t, &to(0), &as_template(id, &[], "a")).await;
        assert!(refused.message.contains("has not approved"), "{}", refused.message);
        assert_eq!(known(&t).await[0].id, id);
        send(&t, &to(0), &as_template(id, &[], "a")).await;
        t
    })
    .await;
}
