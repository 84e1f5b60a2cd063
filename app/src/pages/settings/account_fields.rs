//! What each carrier needs to know of an account, as inputs. The names are those of the server's credentials; what they
//! are and where to find them is said at more length in the documentation of each carrier.

use crate::parts::submission::Submission;
use crate::ui::TextField;
use leptos::prelude::*;
use model::line::ProviderKind;

/// One input.
#[derive(Debug, Clone, Copy)]
struct Input {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// Never shown, also not while it is typed.
    secret: bool,
}

const fn plain(name: &'static str, label: &'static str, hint: &'static str) -> Input {
    Input { name, label, hint, secret: false }
}

const fn secret(name: &'static str, label: &'static str, hint: &'static str) -> Input {
    Input { name, label, hint, secret: true }
}

/// What a carrier needs, then what it may be told besides.
type Inputs = (&'static [Input], &'static [Input]);

const TWILIO: Inputs = (
    &[
        plain("account_sid", "Account SID", "Begins with AC; on the first page of Twilio's console."),
        secret(
            "auth_token",
            "Auth token",
            "Beside the account SID. It also proves that webhooks come from Twilio.",
        ),
    ],
    &[
        secret(
            "previous_auth_token",
            "Auth token before",
            "Accepted on webhooks as well while you exchange the token.",
        ),
        plain("api_key_sid", "API key SID", "Begins with SK. With it, sending does not use the auth token."),
        secret("api_key_secret", "API key secret", ""),
        plain(
            "messaging_service_sid",
            "Messaging service SID",
            "Begins with MG. The number must be among its senders.",
        ),
    ],
);

const TELNYX: Inputs = (
    &[
        secret("api_key", "API key", "Under API keys in Telnyx's portal."),
        plain("public_key", "Public key", "Under keys and credentials; 44 characters that end with =."),
    ],
    &[
        plain("previous_public_key", "Public key before", "Accepted as well while Telnyx exchanges it."),
        plain("messaging_profile_id", "Messaging profile", "If the number should be looked for in this one."),
    ],
);

const MESSAGE_MEDIA: Inputs = (
    &[
        secret("api_key", "API key", "Under API settings in MessageMedia's console."),
        secret("api_secret", "API secret", "Shown once, when the key is made."),
    ],
    &[
        plain("account_id", "Sub-account", "If the key should act for one."),
        plain("signature_keys", "Signature keys", "As MessageMedia answers when one is made."),
        plain("signature_required", "Signature required", "“yes” takes nothing without a signature."),
        plain("api_base", "API address", "https://au.app.api.sinch.com for newer accounts."),
    ],
);

const SMS_BROADCAST: Inputs = (
    &[plain("username", "User name or API key", ""), secret("password", "Password or API secret", "")],
    &[plain(
        "sender",
        "Sender",
        "“account” leaves the sender to SMS Broadcast; otherwise the line's number.",
    )],
);

const CLICK_SEND: Inputs = (
    &[
        plain("username", "User name", "Under API credentials in ClickSend's dashboard."),
        secret("api_key", "API key", "Beside it."),
    ],
    &[
        plain("mms_subject", "Heading of pictures", "At most 20 characters; otherwise Photo."),
        plain(
            "media_hosts",
            "Hosts of patients' pictures",
            "With commas between them, see the documentation.",
        ),
    ],
);

fn inputs_of(provider: ProviderKind) -> Inputs {
    match provider {
        ProviderKind::Simulator => (&[], &[]),
        ProviderKind::Twilio => TWILIO,
        ProviderKind::Telnyx => TELNYX,
        ProviderKind::MessageMedia => MESSAGE_MEDIA,
        ProviderKind::SmsBroadcast => SMS_BROADCAST,
        ProviderKind::ClickSend => CLICK_SEND,
    }
}

/// The inputs for an account, and what was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct AccountFields {
    provider: ProviderKind,
    typed: StoredValue<Vec<(&'static str, RwSignal<String>)>>,
}

impl AccountFields {
    /// Empty ones.
    pub(super) fn new(provider: ProviderKind) -> Self {
        let (needed, further) = inputs_of(provider);
        let typed = needed.iter().chain(further).map(|input| (input.name, RwSignal::new(String::new())));
        Self { provider, typed: StoredValue::new(typed.collect()) }
    }

    /// Those of the carrier whose word is chosen. Each choice begins with empty inputs.
    pub(super) fn following(provider: RwSignal<String>) -> Memo<Option<(ProviderKind, Self)>> {
        Memo::new_with_compare(
            move |_| {
                let kind = provider.with(|provider| ProviderKind::from_word(provider))?;
                Some((kind, Self::new(kind)))
            },
            |_, _| true,
        )
    }

    /// Whether there is anything to enter.
    pub(super) fn is_empty(self) -> bool {
        self.typed.with_value(Vec::is_empty)
    }

    /// Whether the server's name for a field is that of one of these.
    pub(super) fn has(self, name: &str) -> bool {
        self.typed.with_value(|typed| typed.iter().any(|(field, _)| *field == name))
    }

    /// What is filled, as the server takes it.
    pub(super) fn filled(self) -> serde_json::Value {
        let typed = self.typed.get_value().into_iter().map(|(field, value)| (field, value.get_untracked()));
        let filled = typed.filter(|(_, value)| !value.trim().is_empty());
        serde_json::Value::Object(filled.map(|(field, value)| (field.to_owned(), value.into())).collect())
    }

    /// The inputs for an account that is not known yet, and what becomes of what is entered; nothing where there is
    /// nothing to enter.
    pub(super) fn for_new(self, form: Submission) -> AnyView {
        if self.is_empty() {
            return ().into_any();
        }
        view! {
            {self.view(form, true)}
            <p class="muted">"What you enter here is sealed on the server and never shown again. The addresses for the carrier's console appear when it is added."</p>
        }
        .into_any()
    }

    /// The inputs; `required` for an account that is not known yet.
    pub(super) fn view(self, form: Submission, required: bool) -> AnyView {
        let (needed, further) = inputs_of(self.provider);
        let field = move |input: &Input, required: bool| {
            let Input { name, label, hint, secret } = *input;
            let known =
                self.typed.with_value(|typed| typed.iter().find(|(field, _)| *field == name).copied());
            let value = known.map_or_else(RwSignal::default, |(_, value)| value);
            let (kind, autocomplete) = if secret { ("password", "new-password") } else { ("text", "off") };
            let error = form.error_of(name);
            view! { <TextField label=label name=name kind=kind autocomplete=autocomplete value=value hint=hint error=error required=required /> }
        };
        view! {
            {needed.iter().map(|input| field(input, required)).collect_view()}
            {(!further.is_empty())
                .then(|| {
                    view! {
                        <details>
                            <summary>"More (optional)"</summary>
                            <div class="stack">{further.iter().map(|input| field(input, false)).collect_view()}</div>
                        </details>
                    }
                })}
        }
        .into_any()
    }
}
