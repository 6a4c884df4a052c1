//! Calls on the JavaScript thread itself, where Node's loop can be asked to watch a descriptor for us (`watch`): what `waypost::drive::turn` runs is run there. A
//! call then needs no other thread, and waking one takes longer than all that a call does.

pub(crate) use place::{Here, Task};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod place {
    use std::sync::Arc;

    use napi::Env;
    use waypost::drive::placed::Placed;
    pub(crate) use waypost::drive::turn::Task;
    use waypost::drive::turn::{Here as ThisThread, Turns, Work};

    use crate::runtime;
    use crate::watch::Watch;

    /// The JavaScript thread of one environment.
    pub(crate) struct Here {
        turns: Arc<Turns>,
        placed: Arc<Placed>,
        watch: Watch,
    }

    impl Here {
        /// Has the loop call `ready` when there is something to run. `None` where it cannot be asked to.
        pub(crate) fn start(env: &Env, ready: impl Fn(&Env) + 'static) -> Option<Arc<Self>> {
            let turns = Turns::new().ok()?;
            let kept = Arc::clone(&turns);
            let watch = Watch::start(env, turns.fd(), move |env| {
                let _open = &kept;
                ready(env);
            })?;
            let placed = Placed::new(Arc::new(ThisThread(Arc::clone(&turns))));
            Some(Arc::new(Self { turns, placed, watch }))
        }

        /// The connections that live here.
        pub(crate) fn placed(&self) -> Arc<Placed> {
            Arc::clone(&self.placed)
        }

        /// Begins with the next turn.
        pub(crate) fn begin(&self, work: Work) -> Arc<Task> {
            self.turns.start(work)
        }

        /// Runs what can go on; with `look` also what the sockets have to say.
        pub(crate) fn turn(&self, look: bool) {
            if let Ok(runtime) = runtime::handle() {
                self.turns.turn(runtime, look);
            }
        }

        /// Has the loop call `ready`.
        pub(crate) fn wake(&self) {
            self.turns.wake();
        }

        /// See [`Watch::hold`].
        pub(crate) fn hold(&self, env: &Env) {
            self.watch.hold(env);
        }

        /// See [`Watch::release`].
        pub(crate) fn release(&self, env: &Env) {
            self.watch.release(env);
        }

        /// Drops everything that runs here.
        pub(crate) fn end(&self) {
            // Connections that calls give back go with the pools, and what those leave behind after them.
            self.turns.clear();
            self.placed.clear();
            self.turns.clear();
        }
    }
}

/// Elsewhere there is no such place.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod place {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;

    use napi::Env;
    use waypost::drive::placed::Placed;

    pub(crate) struct Here(Infallible);

    pub(crate) struct Task(Infallible);

    impl Here {
        pub(crate) fn start(_env: &Env, _ready: impl Fn(&Env) + 'static) -> Option<Arc<Self>> {
            None
        }

        pub(crate) fn placed(&self) -> Arc<Placed> {
            match self.0 {}
        }

        pub(crate) fn begin(&self, _work: Pin<Box<dyn Future<Output = ()> + Send>>) -> Arc<Task> {
            match self.0 {}
        }

        pub(crate) fn turn(&self, _look: bool) {
            match self.0 {}
        }

        pub(crate) fn wake(&self) {
            match self.0 {}
        }

        pub(crate) fn hold(&self, _env: &Env) {
            match self.0 {}
        }

        pub(crate) fn release(&self, _env: &Env) {
            match self.0 {}
        }

        pub(crate) fn end(&self) {
            match self.0 {}
        }
    }

    impl Task {
        pub(crate) fn end(&self) {
            match self.0 {}
        }
    }
}
