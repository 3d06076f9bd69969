// SPDX-License-Identifier: GPL-2.0

//! simple_clock: a page with the time in it, which any number of processes map read-only.
//!
//! `/dev/simple_clock` is one page of native 64-bit words, updated every `period_ms` milliseconds:
//!
//! | word | |
//! |---|---|
//! | 0 | the sequence count, odd while the kernel updates the others |
//! | 1 | `CLOCK_MONOTONIC`, in nanoseconds |
//! | 2 | `CLOCK_REALTIME` at the same moment, in nanoseconds since 1970 |
//!
//! As in a seqlock, a reader gets words that belong together when it finds the same even count
//! before it reads them and after.

use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::atomic::{
        Relaxed,
        Release, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeHardMode, //
        },
        ClockSource,
        Delta,
        Monotonic,
        RealTime, //
    }, //
};

use simple_mmap::prelude::*;

module_devices! {
    type: ClockModule,
    name: "simple_clock",
    authors: ["The simple developers"],
    description: "A page with the time in it, mapped read-only",
    license: "GPL v2",
    params: {
        period_ms: u32 {
            default: 10,
            description: "Milliseconds from one update to the next",
        },
    },
}

/// The longest period.
const MAX_PERIOD_MS: u32 = 1000;

/// The module's state: the handle of the started timer. Dropping the handle stops the timer.
struct ClockModule {
    _updates: ArcHrTimerHandle<Clock>,
}

impl DeviceModule for ClockModule {
    fn init(devices: &mut Devices) -> Result<Self> {
        let period_ms = parameter(&module_parameters::period_ms);
        if !(1..=MAX_PERIOD_MS).contains(&period_ms) {
            pr_err!(
                "parameter period_ms is {}, but must be 1 to {}\n",
                period_ms,
                MAX_PERIOD_MS
            );
            return Err(EINVAL);
        }

        let clock = Clock::new(Delta::from_millis(period_ms.into()))?;
        devices.add(clock.clone())?;
        let period = clock.period;
        Ok(Self {
            _updates: clock.start(period),
        })
    }
}

/// The device, its page, and the timer that updates it.
#[pin_data]
struct Clock {
    page: ARef<SharedPage>,
    period: Delta,
    #[pin]
    timer: HrTimer<Self>,
}

// The words of the page.
const SEQUENCE: usize = 0;
const MONOTONIC: usize = 1;
const REALTIME: usize = 2;

impl Clock {
    /// Makes a clock. Until its timer is started, it shows the time at which it was made.
    fn new(period: Delta) -> Result<Arc<Self>> {
        let clock = try_pin_init!(Self {
            page: SharedPage::alloc(GFP_KERNEL)?,
            period,
            timer <- HrTimer::new(),
        });
        let clock = Arc::pin_init(clock, GFP_KERNEL)?;
        clock.update();
        Ok(clock)
    }

    /// Writes the current time to the page. Only one call runs at a time: that of [`Self::new`]
    /// before the timer is started, and after that the one of the timer's callback.
    fn update(&self) {
        let bytes = self.page.bytes();
        let sequence = bytes.word::<i64, SEQUENCE>();
        let stable = sequence.load(Relaxed);

        sequence.store(stable + 1, Relaxed);
        // A reader that sees a word of this update sees the odd count, too.
        smp_wmb();
        let (monotonic, realtime) = (Monotonic::ktime_get(), RealTime::ktime_get());
        bytes.word::<i64, MONOTONIC>().store(monotonic, Relaxed);
        bytes.word::<i64, REALTIME>().store(realtime, Relaxed);
        // A reader that sees the even count sees all words of this update.
        sequence.store(stable + 2, Release);
    }
}

// The timer is a hard one, so that its callback runs in hard interrupt context on a PREEMPT_RT
// kernel, too: no task can preempt it while the count is odd.
impl_has_hr_timer! {
    impl HasHrTimer<Self> for Clock {
        mode: RelativeHardMode<Monotonic>, field: self.timer
    }
}

impl HrTimerCallback for Clock {
    type Pointer<'a> = Arc<Self>;

    fn run(
        clock: ArcBorrow<'_, Self>,
        mut timer: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        clock.update();
        timer.forward_now(clock.period);
        HrTimerRestart::Restart
    }
}

#[vtable]
impl MiscDevice for Clock {
    const NAME: &'static CStr = c"simple_clock";
    const MODE: u16 = 0o444;
    type File = Self;

    fn mmap_prepare<'a>(
        _clock: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        if desc.pgoff() != Pgoff::new(0) || desc.pages() != 1 {
            return Err(EINVAL);
        }
        // Refuses writing at `mmap`, and by `mprotect` later. The node's mode alone would not do
        // that, as root can open the file for writing.
        desc.deny_write()?;
        desc.deny_exec()?;
        desc.deny_expand();
        Ok(desc.serve_pages())
    }
}

impl VmOperations for Clock {}

impl Pages for Clock {
    fn fault(&self, _vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        Ok(self.page.clone())
    }
}
