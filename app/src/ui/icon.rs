//! Icons: Tabler (MIT), drawn inline so that they take the colour of their text.

use icondata_tb as tb;
use leptos::prelude::*;

macro_rules! glyphs {
    ($($(#[$doc:meta])* $name:ident = $icon:ident),+ $(,)?) => {
        /// A picture that stands for a word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Glyph {
            $($(#[$doc])* $name),+
        }

        impl Glyph {
            fn paths(self) -> &'static str {
                match self {
                    $(Self::$name => tb::$icon.data),+
                }
            }
        }
    };
}

glyphs! {
    /// Add.
    Add = TbPlusOutline,
    /// Back.
    Back = TbArrowLeftOutline,
    /// Switched off.
    Ban = TbBanOutline,
    /// A photo that cannot be shown.
    Camera = TbCameraOutline,
    /// Done.
    Check = TbCheckOutline,
    /// Done, and the other side has it.
    Checks = TbChecksOutline,
    /// A stretch of time.
    Clock = TbClockOutline,
    /// Close or remove.
    Close = TbXOutline,
    /// Copy to the clipboard.
    Copy = TbCopyOutline,
    /// Something to read.
    Document = TbFileTextOutline,
    /// Downwards.
    Down = TbArrowDownOutline,
    /// Save to disk.
    Download = TbDownloadOutline,
    /// Change.
    Edit = TbPencilOutline,
    /// A failure.
    Error = TbAlertCircleOutline,
    /// Seen.
    Eye = TbEyeOutline,
    /// What can be done with the keyboard.
    Keyboard = TbKeyboardOutline,
    /// Something connected.
    Link = TbLinkOutline,
    /// The inbox.
    Inbox = TbInboxOutline,
    /// A message.
    Message = TbMessageOutline,
    /// More that can be done.
    More = TbDotsOutline,
    /// The next one.
    Next = TbChevronRightOutline,
    /// No connection.
    Offline = TbWifiOffOutline,
    /// Attach.
    Paperclip = TbPaperclipOutline,
    /// The panel at the side.
    Panel = TbLayoutSidebarRightOutline,
    /// A telephone.
    Phone = TbDeviceMobileOutline,
    /// A photo.
    Photo = TbPhotoOutline,
    /// The previous one.
    Previous = TbChevronLeftOutline,
    /// Not known.
    Question = TbHelpCircleOutline,
    /// Again.
    Refresh = TbRefreshOutline,
    /// Numbers over time.
    Report = TbChartBarOutline,
    /// Look for something.
    Search = TbSearchOutline,
    /// Send.
    Send = TbSendOutline,
    /// Settings.
    Settings = TbSettingsOutline,
    /// A recording.
    Sound = TbMusicOutline,
    /// Leave.
    SignOut = TbLogoutOutline,
    /// Throw away.
    Trash = TbTrashOutline,
    /// Bring in.
    Upload = TbUploadOutline,
    /// One person.
    User = TbUserOutline,
    /// A new person.
    UserAdd = TbUserPlusOutline,
    /// Several people.
    Users = TbUsersOutline,
    /// A video.
    Video = TbVideoOutline,
    /// Mind this.
    Warning = TbAlertTriangleOutline,
    /// By WhatsApp.
    Whatsapp = TbBrandWhatsappOutline,
    /// Larger.
    ZoomIn = TbZoomInOutline,
    /// Smaller.
    ZoomOut = TbZoomOutOutline,
}

/// An icon beside a word that says the same; screen readers skip it.
#[component]
pub fn Icon(
    /// Which.
    #[prop(into)]
    glyph: Signal<Glyph>,
) -> impl IntoView {
    view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" inner_html=move || glyph.get().paths()></svg> }
}
