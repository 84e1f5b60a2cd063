//! Small blocks that know nothing of the product, each with a partial of the same name in `style/`.

pub mod avatar;
pub mod button;
pub mod copy;
pub mod dialog;
pub mod empty;
pub mod field;
pub mod icon;
pub mod menu;
pub mod notice;
mod open_while;
pub mod skeleton;
pub mod thumbnail;
pub mod time;

pub use avatar::{Avatar, initials};
pub use button::{Button, ButtonKind, IconButton};
pub use copy::CopyField;
pub use dialog::Dialog;
pub use empty::Empty;
pub use field::{SelectField, TextArea, TextField};
pub use icon::{Glyph, Icon};
pub use menu::{Menu, MenuItem};
pub use notice::{Banner, NoticeList, Notices, Tone};
pub use open_while::open_while;
pub use skeleton::{Skeleton, SkeletonShape};
pub use thumbnail::Thumbnail;
pub use time::{Time, TimeStyle, Times};
