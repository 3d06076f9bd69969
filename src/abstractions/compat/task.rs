// SPDX-License-Identifier: GPL-2.0

//! The name of a process.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h), `get_task_comm()`.

use kernel::{
    bindings,
    fmt,
    task::Task, //
};

/// The name of a task, `comm`.
///
/// # Examples
///
/// ```
/// pr_info!("this is {}, pid {}\n", Comm::of_current(), current!().pid());
/// ```
pub struct Comm([u8; bindings::TASK_COMM_LEN as usize]);

impl Comm {
    /// The name of the current task.
    pub fn of_current() -> Self {
        let mut comm = Self([0; bindings::TASK_COMM_LEN as usize]);
        // SAFETY: The current task is valid. Its name is an array of this size that always contains
        // a zero byte, also while the name changes. The other array has the same size.
        unsafe {
            bindings::sized_strscpy(
                comm.0.as_mut_ptr().cast(),
                (&raw const (*Task::current_raw()).comm).cast(),
                comm.0.len(),
            )
        };
        comm
    }
}

impl fmt::Display for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take_while(|byte| **byte != 0) {
            core::write!(f, "{}", byte.escape_ascii())?;
        }
        Ok(())
    }
}
