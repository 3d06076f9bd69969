// SPDX-License-Identifier: GPL-2.0

//! Devices, and their memory and interrupts.

mod hotplug;
pub mod ioremap;
#[cfg(CONFIG_PCI)]
pub mod irq;
pub mod miscdevice;
pub mod module;
#[cfg(CONFIG_PCI)]
pub mod numbered;
#[cfg(CONFIG_PCI)]
pub mod pci;
pub mod physical;
pub mod raw_io;
