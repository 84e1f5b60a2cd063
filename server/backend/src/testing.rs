//! A backend for stories.
