//! Handing a webhook over.

use crate::http::Call;
use crate::{Http, HttpError};
use std::time::Duration;
use url::Url;

/// Tries to hand a webhook over.
const TRIES: u32 = 6;
/// Before the second try; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Posts a webhook until the line takes it; tried again where it asks for that (503, 429) or cannot be reached. `false`
/// when it was given up.
pub(super) async fn post(http: &Http, url: &Url, headers: &[(&'static str, String)], body: &[u8]) -> bool {
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
        }
        let content_type = "application/json";
        let call = Call { url, login: None, headers, content_type, body: body.to_vec() };
        match http.post(call).await {
            Ok(answer) if (200..300).contains(&answer.status) => return true,
            Ok(answer) if matches!(answer.status, 429 | 503) => {}
            Ok(answer) => {
                tracing::warn!(status = answer.status, "a line refused the simulated carrier's webhook");
                return false;
            }
            Err(HttpError::Forbidden) => {
                tracing::warn!(
                    "a line's webhook address is private or not https; the simulator may not call it"
                );
                return false;
            }
            Err(_) => {}
        }
    }
    tracing::warn!("a line's webhook cannot be reached; the simulated carrier gave up");
    false
}
