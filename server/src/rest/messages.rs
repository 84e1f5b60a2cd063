//! Messages across conversations.

use crate::failure::{Asked, Problem};
use crate::session::{Asker, Reply};
use backend::messages;
use model::Page;
use model::message::FoundMessage;
use serde::Deserialize;

/// What to look for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words that all stand in the text, in any order, case and with or without accents. The last one may be the beginning
    /// of a word, from three letters on.
    #[serde(default)]
    q: String,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Messages by the words of their texts, those that came last first, 50 a page.
#[utoipa::path(
    get, path = "/api/messages/search", tag = "messages", params(SearchQuery),
    responses((status = 200, body = Page<FoundMessage>), (status = 401, body = Problem), (status = 422, body = Problem)),
)]
pub(crate) async fn search(
    asker: Asker,
    Asked(SearchQuery { q, cursor }): Asked<SearchQuery>,
) -> Result<Reply<Page<FoundMessage>>, Problem> {
    Ok(asker.reply(messages::search(asker.backend(), &asker.caller, &q, cursor.as_deref()).await?))
}
