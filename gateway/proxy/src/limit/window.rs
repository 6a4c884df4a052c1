//! One window's count, and the bucket of a burst. Times are milliseconds of the Unix time.

/// Names of windows, and how long they are in milliseconds.
pub(super) const WINDOWS: [(&str, u64); 4] =
    [("second", 1_000), ("minute", 60_000), ("hour", 3_600_000), ("day", 86_400_000)];

/// Requests of this window and of the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Which window: the time divided by its length. Seconds fit until the year 2106.
    pub(super) index: u32,
    pub(super) now: u32,
    pub(super) before: u32,
    /// Of them, what the other nodes were not told yet.
    pub(super) unsent: u32,
    pub(super) unsent_before: u32,
}

impl Count {
    /// The window that a time lies in.
    pub(super) fn index_of(at: u64, length: u64) -> u32 {
        u32::try_from(at / length).unwrap_or(u32::MAX)
    }

    /// When a window ends.
    pub(super) fn end(&self, length: u64) -> u64 {
        (u64::from(self.index) + 1) * length
    }

    /// Goes on to the window of a time. A clock that went back stays where it was.
    pub(super) fn roll(&mut self, at: u64, length: u64) {
        let index = Self::index_of(at, length);
        if index <= self.index {
            return;
        }
        let next = index == self.index + 1;
        *self = Self {
            index,
            now: 0,
            before: if next { self.now } else { 0 },
            unsent: 0,
            unsent_before: if next { self.unsent } else { 0 },
        };
    }

    /// Milliseconds into the window, and what is left of it.
    fn into(&self, at: u64, length: u64) -> (u64, u64) {
        let into = at.saturating_sub(u64::from(self.index) * length).min(length);
        (into, length - into)
    }

    /// The sliding count: rounded up.
    pub(super) fn used(&self, at: u64, length: u64) -> u64 {
        if self.before == 0 {
            return u64::from(self.now);
        }
        let (_, left) = self.into(at, length);
        (u64::from(self.before) * left).div_ceil(length) + u64::from(self.now)
    }

    /// The first time at which `cost` more fit into `limit`, if nobody asks before; the end of the next window where they never do.
    pub(super) fn fits_at(&self, at: u64, length: u64, limit: u32, cost: u32) -> u64 {
        if self.used(at, length) + u64::from(cost) <= u64::from(limit) {
            return at;
        }
        let start = u64::from(self.index) * length;
        let (limit, cost) = (u64::from(limit), u64::from(cost));
        // As much of a count as fits into the room has to be left: `count * left <= room * length`.
        let when =
            |room: u64, count: u64| length - (room * length).checked_div(count).unwrap_or(length).min(length);
        match limit.checked_sub(u64::from(self.now) + cost) {
            Some(room) => start + when(room, u64::from(self.before)),
            None => {
                start
                    + length
                    + limit.checked_sub(cost).map_or(length, |room| when(room, u64::from(self.now)))
            }
        }
    }

    pub(super) const fn add(&mut self, cost: u32) {
        self.now = self.now.saturating_add(cost);
        self.unsent = self.unsent.saturating_add(cost);
    }
}

/// The bucket of a burst (GCRA): the time at which it is full again, in nanoseconds of the Unix time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket(pub(super) u64);

impl Bucket {
    /// What is in it, whole requests.
    pub(super) fn left(self, at: u64, per_second: u32, capacity: u32) -> u64 {
        let each = each(per_second);
        let missing = self.0.saturating_sub(at.saturating_mul(1_000_000));
        (each * u64::from(capacity)).saturating_sub(missing) / each
    }

    /// The first time, in milliseconds, at which `cost` are in it.
    pub(super) fn fits_at(self, at: u64, per_second: u32, capacity: u32, cost: u32) -> u64 {
        let each = each(per_second);
        let full = self.0.saturating_add(each * u64::from(cost));
        full.saturating_sub(each * u64::from(capacity)).div_ceil(1_000_000).max(at)
    }

    pub(super) fn take(&mut self, at: u64, per_second: u32, cost: u32) {
        self.0 = self.0.max(at.saturating_mul(1_000_000)).saturating_add(each(per_second) * u64::from(cost));
    }
}

fn each(per_second: u32) -> u64 {
    1_000_000_000 / u64::from(per_second.max(1))
}
