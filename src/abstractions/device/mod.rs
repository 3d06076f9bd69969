// SPDX-License-Identifier: GPL-2.0

//! Being a device.

mod hotplug;
pub mod ioremap;
pub mod miscdevice;
pub mod module;
pub mod physical;
pub mod raw_io;
