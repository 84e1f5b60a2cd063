//! Templates that WhatsApp has approved.

use super::Answer;
#[cfg(feature = "ssr")]
use super::signed_in;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::LineId;
use model::whatsapp::TemplateView;

/// The templates of a line, by name; asked for anew where what is known is older than an hour.
#[server(prefix = "/api/ui", endpoint = "whatsapp/templates", input = Json)]
pub async fn templates(line: LineId) -> Answer<Vec<TemplateView>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::whatsapp::templates(&backend, &caller, Some(line)).await?)
}

/// Asks a line's carriers for their templates now.
#[server(prefix = "/api/ui", endpoint = "whatsapp/refresh", input = Json)]
pub async fn refresh(line: LineId) -> Answer<Vec<TemplateView>> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::whatsapp::refresh(&backend, &caller, line).await?)
}
