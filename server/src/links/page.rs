//! The pages behind a private link. Whatever somebody wrote goes through [`escaped`].

use backend::keys::sha256;
use backend::share_links::{Door, Host, Place, SharedFile, Unfit};
use base64::{Engine, engine::general_purpose::STANDARD};
use html_escape::encode_safe as escaped;
use model::Millis;
use model::link::LinkState;
use model::media::{MediaKind, human_bytes};
use std::fmt::Write;
use std::sync::LazyLock;

const STYLE: &str = include_str!("page.css");

/// How the policy names the page's only style.
pub(super) fn style_hash() -> &'static str {
    static HASH: LazyLock<String> =
        LazyLock::new(|| format!("sha256-{}", STANDARD.encode(sha256(STYLE.as_bytes()))));
    &HASH
}

/// A picture in a frame.
const MARK: &str = r#"<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><rect x="3" y="4" width="18" height="16" rx="3"/><circle cx="8.5" cy="9.5" r="1.5"/><path d="M4 17l5-5 4 4 3-3 4 4"/></svg>"#;

/// One of the pages.
pub(super) struct Page {
    title: String,
    /// The body's class.
    class: &'static str,
    content: String,
}

impl Page {
    /// `form` is what its button sends along, where it has one.
    pub(super) fn of(place: &Place, form: &str) -> Self {
        match place {
            Place::Before(door, unfit) => before(door, *unfit, form),
            Place::Inside(host, files) => inside(host, files),
            Place::Closed(host, why) => closed(host, *why),
            Place::Nowhere => plain(
                "There is nothing here",
                "The link is incomplete, or it is too old. Open it from the message once more, or ask whoever sent it.",
            ),
        }
    }

    /// The server cannot tell at the moment.
    pub(super) fn of_outage() -> Self {
        plain(
            "Not now, please",
            "What was sent cannot be shown at the moment. Nothing was used up; try again in a minute.",
        )
    }

    /// Too much was asked from one address.
    pub(super) fn of_haste() -> Self {
        plain(
            "One moment, please",
            "Too many links were opened from your connection just now. Nothing was used up; try again in a minute.",
        )
    }

    pub(super) fn html(&self) -> String {
        let Self { title, class, content } = self;
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex, nofollow\">\n\
             <title>{title}</title>\n<link rel=\"icon\" href=\"/icons/heliograph.svg\">\n<style>{STYLE}</style>\n</head>\n\
             <body class=\"{class}\">\n<main>\n{content}</main>\n</body>\n</html>\n",
            title = escaped(title),
        )
    }
}

fn plain(title: &str, words: &str) -> Page {
    let content = format!("{MARK}\n<h1>{}</h1>\n<p>{}</p>\n", escaped(title), escaped(words));
    Page { title: title.to_owned(), class: "outside", content }
}

fn before(door: &Door, unfit: Option<Unfit>, form: &str) -> Page {
    let organisation = &door.host.organisation;
    let (files, button) = (MediaKind::counted(&door.holds), press(&door.holds));
    let them = if door.holds.len() == 1 { "it" } else { "them" };
    let once = if door.opens_once { format!(" You can view {them} once.") } else { String::new() };
    let content = format!(
        "{MARK}\n<h1>{}</h1>\n<p>sent you {files}. Only this link shows {them}.</p>\n<form method=\"post\">\n\
         <input type=\"hidden\" name=\"page\" value=\"{}\">\n{}\
         <button type=\"submit\">{button}</button>\n</form>\n\
         <p class=\"note\">The link holds for another {}.{once}</p>\n",
        escaped(organisation),
        escaped(form),
        if door.asks_birth_date { birth_date(unfit) } else { String::new() },
        remaining(door.for_ms),
    );
    Page { title: format!("For you from {organisation}"), class: "outside", content }
}

/// What the button says: `View photo`, `Play 2 videos`, `Open document`; `Open 3 files` where they are of several kinds.
fn press(holds: &[MediaKind]) -> String {
    let verb = match holds {
        [first, others @ ..] if others.iter().all(|other| other == first) => match first {
            MediaKind::Image => "View",
            MediaKind::Video | MediaKind::Audio => "Play",
            MediaKind::Document => "Open",
        },
        _ => "Open",
    };
    let counted = MediaKind::counted(holds);
    format!("{verb} {}", counted.strip_prefix("a ").unwrap_or(&counted))
}

/// Asks for the date of birth, and says what was wrong about the one that was given.
fn birth_date(unfit: Option<Unfit>) -> String {
    let wrong = match unfit {
        None => String::new(),
        Some(Unfit::NoDate) => said_wrong("Write day, month and year as numbers, for example 29 2 1984."),
        Some(Unfit::Wrong { tries_left: 1 }) => said_wrong("This is not the right date. One try is left."),
        Some(Unfit::Wrong { tries_left }) => {
            said_wrong(&format!("This is not the right date. {tries_left} tries are left."))
        }
    };
    let input = |name: &str, label: &str, digits: u32| {
        format!(
            "<label>{label}<input name=\"{name}\" inputmode=\"numeric\" autocomplete=\"bday-{name}\" \
             maxlength=\"{digits}\" required></label>\n"
        )
    };
    format!(
        "<fieldset>\n<legend>Date of birth of the person it is for</legend>\n<div class=\"date\">\n{}{}{}</div>\n\
         </fieldset>\n{wrong}",
        input("day", "Day", 2),
        input("month", "Month", 2),
        input("year", "Year", 4),
    )
}

fn said_wrong(words: &str) -> String {
    format!("<p class=\"wrong\" role=\"alert\">{words}</p>\n")
}

fn inside(host: &Host, files: &[SharedFile]) -> Page {
    let mut content = format!("<h1>{}</h1>\n", escaped(&host.organisation));
    for (at, file) in files.iter().enumerate() {
        let noun = file.kind.noun();
        let name = match files.len() {
            1 => format!("the {noun}"),
            all => format!("{noun} {} of {all}", at + 1),
        };
        let _ = writeln!(
            content,
            "<figure>\n{}<a class=\"save\" href=\"{}\" download=\"{}\">Save {name}</a>\n</figure>",
            shown(file, &name, at == 0),
            escaped(&file.save_url),
            escaped(&file.name),
        );
    }
    if files.is_empty() {
        content += "<p>What was sent is not there any more.</p>\n";
    }
    let _ = writeln!(content, "<p class=\"note\">Questions? {}</p>", ask(host));
    Page { title: format!("From {}", host.organisation), class: "inside", content }
}

/// The file itself, or the way to it.
fn shown(file: &SharedFile, name: &str, is_first: bool) -> String {
    let url = escaped(&file.url);
    match file.kind {
        MediaKind::Image => {
            let (width, height) = file.size.unwrap_or_default();
            // Those below the first wait until they come into view: the connection may be a bad one.
            let loading = if is_first { "eager" } else { "lazy" };
            format!(
                "<img src=\"{url}\" width=\"{width}\" height=\"{height}\" alt=\"{name}\" loading=\"{loading}\">\n"
            )
        }
        MediaKind::Video => format!(
            "<video src=\"{url}\" controls playsinline preload=\"metadata\">Your browser cannot play {name}.</video>\n"
        ),
        MediaKind::Audio => format!(
            "<audio src=\"{url}\" controls preload=\"metadata\">Your browser cannot play {name}.</audio>\n"
        ),
        // In a window of its own: to come back to this page would be to open the link once more.
        MediaKind::Document => format!(
            "<p>{} <span class=\"note\">{}</span></p>\n\
             <a class=\"open\" href=\"{url}\" target=\"_blank\" rel=\"noopener\">Open {name}</a>\n",
            escaped(&file.name),
            human_bytes(file.bytes),
        ),
    }
}

fn closed(host: &Host, why: LinkState) -> Page {
    let (title, words) = match why {
        LinkState::Expired | LinkState::Open => ("This link has expired", "Links hold for a limited time."),
        LinkState::Revoked => ("This link was withdrawn", "Whoever sent it has closed it."),
        LinkState::UsedUp => ("This link was used already", "It could be opened once."),
        LinkState::Locked => ("This link is locked", "Too many wrong dates of birth were tried."),
    };
    let content = format!(
        "{MARK}\n<h1>{title}</h1>\n<p>{words} It came from <strong>{}</strong>, who can send you a new one.</p>\n\
         <p>{}</p>\n",
        escaped(&host.organisation),
        ask(host),
    );
    Page { title: title.to_owned(), class: "outside", content }
}

/// How to reach whoever sent it.
fn ask(host: &Host) -> String {
    match &host.number {
        Some(number) => format!(
            "Answer the message, or call <a href=\"tel:{}\">{}</a>.",
            escaped(number.as_e164()),
            escaped(&number.spaced())
        ),
        None => "Answer the message.".to_owned(),
    }
}

/// A stretch of time as people say it: the server does not know their time zone.
fn remaining(ms: Millis) -> String {
    const MINUTE: Millis = 60_000;
    const HOUR: Millis = 60 * MINUTE;
    const DAY: Millis = 24 * HOUR;
    let rounded = |unit: Millis| (ms + unit / 2) / unit;
    match ms {
        ms if ms >= 2 * DAY => format!("{} days", rounded(DAY)),
        ms if ms >= 2 * HOUR - HOUR / 2 => format!("{} hours", rounded(HOUR)),
        ms if ms >= 2 * MINUTE - MINUTE / 2 => format!("{} minutes", rounded(MINUTE)),
        _ => "minute".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(organisation: &str) -> Host {
        Host { organisation: organisation.to_owned(), number: None }
    }

    fn file(kind: MediaKind, text: &str) -> SharedFile {
        let (url, save_url, name) = (text.to_owned(), text.to_owned(), text.to_owned());
        SharedFile { kind, url, save_url, name, size: Some((1, 1)), bytes: 2048 }
    }

    #[test]
    fn the_button_says_what_it_does() {
        use MediaKind::{Audio, Document, Image, Video};
        let table: [(&[MediaKind], &str); 7] = [
            (&[Image], "View photo"),
            (&[Image, Image], "View 2 photos"),
            (&[Video], "Play video"),
            (&[Audio], "Play recording"),
            (&[Document], "Open document"),
            (&[Document, Document], "Open 2 documents"),
            (&[Image, Document, Video], "Open 3 files"),
        ];
        for (holds, words) in table {
            assert_eq!(press(holds), words);
        }
    }

    #[test]
    fn each_kind_is_shown_in_its_way() {
        let html = |kinds: &[MediaKind]| {
            let files = kinds.iter().map(|kind| file(*kind, "/media/x")).collect();
            Page::of(&Place::Inside(host("Harbour Clinic"), files), "").html()
        };
        let photos = html(&[MediaKind::Image; 2]);
        assert!(photos.contains("alt=\"photo 1 of 2\"") && photos.contains("Save photo 2 of 2"), "{photos}");
        assert!(html(&[MediaKind::Image]).contains("alt=\"the photo\""));
        assert!(html(&[MediaKind::Video]).contains("<video src="));
        assert!(html(&[MediaKind::Audio]).contains("<audio src="));
        let document = html(&[MediaKind::Document]);
        assert!(document.contains(">Open the document</a>") && document.contains("2 KB"), "{document}");
    }

    #[test]
    fn what_people_wrote_stays_text() {
        let hostile = host("<script>alert(\"x\")</script>' & Co");
        let door = Door {
            host: hostile.clone(),
            holds: vec![MediaKind::Image],
            asks_birth_date: true,
            opens_once: true,
            for_ms: 0,
        };
        let files = MediaKind::ALL.map(|kind| file(kind, "\"><b>"));
        for place in [
            Place::Before(door, Some(Unfit::Wrong { tries_left: 3 })),
            Place::Inside(hostile.clone(), files.to_vec()),
            Place::Closed(hostile, LinkState::Revoked),
        ] {
            let html = Page::of(&place, "\"><b>").html();
            assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
            assert!(html.contains("&lt;script&gt;"), "{html}");
        }
    }

    #[test]
    fn a_stretch_of_time_is_said_roughly() {
        const MINUTE: Millis = 60_000;
        for (minutes, words) in [
            (0, "minute"),
            (2, "2 minutes"),
            (89, "89 minutes"),
            (100, "2 hours"),
            (24 * 60 - 1, "24 hours"),
            (3 * 24 * 60, "3 days"),
        ] {
            assert_eq!(remaining(minutes * MINUTE), words);
        }
    }
}
