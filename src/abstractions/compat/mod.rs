// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate does not have yet, and what differs between its versions.

pub mod debugfs;
pub(crate) mod helpers;
pub mod iov_iter;
pub mod kiocb;
pub mod once_ref;
pub mod series;
pub mod static_key;
pub mod task;
pub mod this_module;
