//! Has Node's own event loop watch a descriptor: one handle of libuv, whose functions Node exports to addons. They are looked up when they are first wanted, so
//! the addon also loads where there are none.
//!
//! Promises: what is called on readiness is called on the environment's thread, outside of any JavaScript; the handle keeps no process alive unless it is held;
//! an environment that ends waits until the handle is closed, as libuv demands.

use std::ffi::{c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use libloading::os::unix::Library;
use napi::Env;
use napi::bindgen_prelude::sys;

/// `UV_POLL` of `uv_handle_type`.
const POLL: c_int = 8;

/// `UV_READABLE` of `uv_poll_event`.
const READABLE: c_int = 1;

/// A `uv_poll_t`. How large it is only libuv knows.
#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

type Loop = sys::uv_loop_s;
type OnPoll = unsafe extern "C" fn(*mut Handle, status: c_int, events: c_int);
type OnClose = unsafe extern "C" fn(*mut Handle);
/// What is called on readiness.
type Ready = Box<dyn Fn(&Env)>;

/// What is used of libuv. Its names and types are kept within a major version.
struct Libuv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    set_data: unsafe extern "C" fn(*mut Handle, *mut c_void),
    get_data: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    poll_init: unsafe extern "C" fn(*mut Loop, *mut Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(*mut Handle, c_int, OnPoll) -> c_int,
    hold: unsafe extern "C" fn(*mut Handle),
    release: unsafe extern "C" fn(*mut Handle),
    close: unsafe extern "C" fn(*mut Handle, OnClose),
}

static LIBUV: LazyLock<Option<Libuv>> = LazyLock::new(Libuv::find);

impl Libuv {
    fn find() -> Option<Self> {
        let process = Library::this();
        // SAFETY: the names are libuv's, and the types are those that it declares them with.
        unsafe {
            let version: unsafe extern "C" fn() -> c_uint = *process.get(b"uv_version\0").ok()?;
            if version() >> 16 != 1 {
                return None;
            }
            Some(Self {
                handle_size: *process.get(b"uv_handle_size\0").ok()?,
                set_data: *process.get(b"uv_handle_set_data\0").ok()?,
                get_data: *process.get(b"uv_handle_get_data\0").ok()?,
                poll_init: *process.get(b"uv_poll_init\0").ok()?,
                poll_start: *process.get(b"uv_poll_start\0").ok()?,
                hold: *process.get(b"uv_ref\0").ok()?,
                release: *process.get(b"uv_unref\0").ok()?,
                close: *process.get(b"uv_close\0").ok()?,
            })
        }
    }
}

/// A descriptor that the environment's loop watches until the environment ends.
pub(crate) struct Watch {
    libuv: &'static Libuv,
    handle: NonNull<Handle>,
    /// The environment has ended, and the handle is no more.
    over: Arc<AtomicBool>,
}

// SAFETY: the handle is touched by the environment's thread only: by libuv, and by methods that want the environment as proof.
unsafe impl Send for Watch {}
// SAFETY: as above.
unsafe impl Sync for Watch {}

/// What the handle knows.
struct Watched {
    libuv: &'static Libuv,
    handle: NonNull<Handle>,
    env: sys::napi_env,
    /// Given back when the handle is closed: the environment waits for it.
    hook: sys::napi_async_cleanup_hook_handle,
    over: Arc<AtomicBool>,
    /// Nothing once the environment ends.
    ready: Option<Ready>,
}

impl Watch {
    /// Calls `ready` whenever `fd` is readable. `fd` is to be open until the environment has ended. `None` where the loop is not libuv's, or does not want to.
    pub(crate) fn start(env: &Env, fd: c_int, ready: impl Fn(&Env) + 'static) -> Option<Self> {
        let libuv = LIBUV.as_ref()?;
        let main = env.get_uv_event_loop().ok().filter(|main| !main.is_null())?;
        // SAFETY: `main` is the loop of this thread. The handle's memory is as large as libuv says, is aligned as `malloc`'s, and lives until `closed` frees it.
        let (handle, watched) = unsafe {
            let handle = NonNull::new(allocate((libuv.handle_size)(POLL)))?;
            if (libuv.poll_init)(main, handle.as_ptr(), fd) != 0 {
                free(handle, (libuv.handle_size)(POLL));
                return None;
            }
            let watched = Box::into_raw(Box::new(Watched {
                libuv,
                handle,
                env: env.raw(),
                hook: ptr::null_mut(),
                over: Arc::default(),
                ready: Some(Box::new(ready)),
            }));
            (libuv.set_data)(handle.as_ptr(), watched.cast());
            (libuv.release)(handle.as_ptr());
            (handle, watched)
        };
        // SAFETY: `watched` was just made, and lives until `closed` takes it back.
        unsafe {
            let over = Arc::clone(&(*watched).over);
            let hooked = sys::napi_add_async_cleanup_hook(
                env.raw(),
                Some(ending),
                watched.cast(),
                &raw mut (*watched).hook,
            );
            if hooked != sys::Status::napi_ok || (libuv.poll_start)(handle.as_ptr(), READABLE, readable) != 0
            {
                (*watched).ready = None;
                over.store(true, Ordering::SeqCst);
                (libuv.close)(handle.as_ptr(), closed);
                return None;
            }
            Some(Self { libuv, handle, over })
        }
    }

    /// From now on the process stays alive. On the environment's thread.
    pub(crate) fn hold(&self, _env: &Env) {
        if !self.over.load(Ordering::SeqCst) {
            // SAFETY: the handle is open, and this is its thread.
            unsafe { (self.libuv.hold)(self.handle.as_ptr()) };
        }
    }

    /// From now on the process may end. On the environment's thread.
    pub(crate) fn release(&self, _env: &Env) {
        if !self.over.load(Ordering::SeqCst) {
            // SAFETY: as in `hold`.
            unsafe { (self.libuv.release)(self.handle.as_ptr()) };
        }
    }
}

/// `uv_poll_cb`. An error of the descriptor (there is none of an epoll set) is for whoever looks at it.
unsafe extern "C" fn readable(handle: *mut Handle, _status: c_int, _events: c_int) {
    let Some(libuv) = LIBUV.as_ref() else { return };
    // SAFETY: libuv calls this with the handle that `start` put `Watched` into, before `closed` takes it back.
    let watched = unsafe { &*(libuv.get_data)(handle).cast::<Watched>() };
    if let Some(ready) = &watched.ready {
        // Nothing may unwind into libuv. The engine has made an error of a panic of a call's already.
        let _panicked = catch_unwind(AssertUnwindSafe(|| ready(&Env::from_raw(watched.env))));
    }
}

/// The environment ends.
unsafe extern "C" fn ending(_hook: sys::napi_async_cleanup_hook_handle, watched: *mut c_void) {
    // SAFETY: Node calls this once, with what `start` gave it, while the handle is open; nobody else uses it now.
    let watched = unsafe { &mut *watched.cast::<Watched>() };
    watched.over.store(true, Ordering::SeqCst);
    // It may hold references of the environment.
    watched.ready = None;
    // SAFETY: the handle is open, and closed but once.
    unsafe { (watched.libuv.close)(watched.handle.as_ptr(), closed) };
}

/// `uv_close_cb`: the handle is no more.
unsafe extern "C" fn closed(handle: *mut Handle) {
    let Some(libuv) = LIBUV.as_ref() else { return };
    // SAFETY: `start` made both, and nobody uses them from here on.
    unsafe {
        let watched = Box::from_raw((libuv.get_data)(handle).cast::<Watched>());
        free(watched.handle, (libuv.handle_size)(POLL));
        if !watched.hook.is_null() {
            sys::napi_remove_async_cleanup_hook(watched.hook);
        }
    }
}

/// As many words of 16 bytes, which suit every C type, as hold `size`.
fn allocate(size: usize) -> *mut Handle {
    Box::into_raw(vec![0_u128; size.div_ceil(16)].into_boxed_slice()).cast()
}

/// # Safety
/// `handle` is of [`allocate`] with this very size, and not used again.
unsafe fn free(handle: NonNull<Handle>, size: usize) {
    let words = ptr::slice_from_raw_parts_mut(handle.as_ptr().cast::<u128>(), size.div_ceil(16));
    // SAFETY: as promised.
    drop(unsafe { Box::from_raw(words) });
}
