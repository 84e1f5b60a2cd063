//! Templates that WhatsApp has approved.

use crate::failure::{Asked, Problem};
use crate::session::{Asker, Reply};
use backend::whatsapp;
use model::whatsapp::TemplateView;
use model::{LineId, Page};
use serde::Deserialize;

/// Of which line.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TemplatesQuery {
    /// Only those that can be sent from this line; without it those of every line.
    #[param(value_type = Option<String>)]
    line_id: Option<LineId>,
}

/// Messages that WhatsApp has approved, or may yet, by name: all of them on one page. Only those in the state `approved`
/// can be sent. The carrier is asked anew where what is known is older than an hour.
#[utoipa::path(
    get, path = "/api/whatsapp-templates", tag = "whatsapp", params(TemplatesQuery),
    responses(
        (status = 200, body = Page<TemplateView>), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem),
    ),
)]
pub(crate) async fn templates(
    asker: Asker,
    Asked(TemplatesQuery { line_id }): Asked<TemplatesQuery>,
) -> Result<Reply<Page<TemplateView>>, Problem> {
    let items = whatsapp::templates(asker.backend(), &asker.caller, line_id).await?;
    Ok(asker.reply(Page { items, next: None }))
}
