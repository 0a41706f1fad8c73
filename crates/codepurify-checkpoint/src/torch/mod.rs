//! Files of `torch.save`: a container ([`zip`] or [`legacy`]) around a [`pickle`], whose root object holds the
//! [`state`] dict; its tensors are [`draft`]s until their storages are found in the container.

mod draft;
mod legacy;
mod metered;
mod pickle;
mod state;
mod zip;

pub(crate) use legacy::read as read_legacy;
pub(crate) use zip::read as read_zip;
