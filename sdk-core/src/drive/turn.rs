//! Calls on the thread of an event loop that is the language's own: asyncio's in Python, libuv's in Node. The loop watches one descriptor of ours, an epoll set
//! that holds every socket and an eventfd; when there is something in it, or a call begins, the loop's own thread runs what can go on. So a request is written
//! by the thread that makes the call and its answer read by the thread that waits for it: waking another thread, twice a call, costs more than all the rest.
//!
//! Timers, name look-ups and the opening of connections stay with a tokio runtime on a thread of its own; what they wake is run here.
//!
//! Only where there is epoll.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;

use crate::transport::{Adopted, Place};

/// What a task does.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The eventfd's number among the sockets'.
const WAKE: u64 = 0;

/// After this long without a look at the sockets one of them may have been closed unseen.
const STALE: Duration = Duration::from_millis(20);

/// So many steps are made before the loop gets its turn again.
const STEPS: usize = 1024;

/// So many bytes are read at once.
const PIECE: usize = 64 * 1024;

/// What runs on one loop's thread.
pub struct Turns {
    epoll: OwnedFd,
    wake: OwnedFd,
    next: AtomicU64,
    ready: Mutex<VecDeque<Arc<Task>>>,
    tasks: Mutex<HashMap<u64, Arc<Task>>>,
    sockets: Mutex<HashMap<u64, Arc<Mutex<Readiness>>>>,
    /// What is read goes through here.
    piece: Mutex<Vec<u8>>,
    /// Held during a turn; in it, when the sockets were looked at.
    turn: Mutex<Instant>,
    /// During a turn nobody needs to wake the loop.
    turning: AtomicBool,
}

/// Something that runs until it ends or is dropped.
pub struct Task {
    id: u64,
    turns: Weak<Turns>,
    queued: AtomicBool,
    work: Mutex<Option<Work>>,
}

impl Turns {
    /// Nothing yet.
    ///
    /// # Errors
    /// When the process may have no further descriptors.
    pub fn new() -> io::Result<Arc<Self>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Told of at each writing, so that nobody has to read it.
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN | EventFlags::ET)?;
        Ok(Arc::new(Self {
            epoll,
            wake,
            next: AtomicU64::new(WAKE + 1),
            ready: Mutex::default(),
            tasks: Mutex::default(),
            sockets: Mutex::default(),
            piece: Mutex::new(vec![0; PIECE]),
            turn: Mutex::new(Instant::now()),
            turning: AtomicBool::new(false),
        }))
    }

    /// What the loop is to watch: it is readable when there is something to run.
    pub fn fd(&self) -> i32 {
        self.epoll.as_raw_fd()
    }

    /// Makes the loop's thread take a turn, unless it is taking one.
    pub fn wake(&self) {
        if !self.turning.load(Ordering::SeqCst) {
            // A counter that is full is readable as well.
            let _full = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// Begins with the next turn, which is the caller's to take or to ask for.
    pub fn start(self: &Arc<Self>, work: Work) -> Arc<Task> {
        let task = Arc::new(Task {
            id: self.number(),
            turns: Arc::downgrade(self),
            queued: AtomicBool::new(true),
            work: Mutex::new(Some(work)),
        });
        lock(&self.tasks).insert(task.id, Arc::clone(&task));
        lock(&self.ready).push_back(Arc::clone(&task));
        task
    }

    /// Runs what can go on. `look`: also what the sockets have to say, which is done in any case after a while without.
    pub fn turn(&self, runtime: &Handle, look: bool) {
        let mut looked = match self.turn.try_lock() {
            Ok(looked) => looked,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Whoever takes it now sees what is queued.
            Err(TryLockError::WouldBlock) => return,
        };
        let _entered = runtime.enter();
        let _turning = Turning::begin(&self.turning);
        if look || looked.elapsed() > STALE {
            self.look();
            *looked = Instant::now();
        }
        let mut steps = 0;
        loop {
            while let Some(task) = self.take() {
                task.step();
                steps += 1;
                if steps == STEPS {
                    self.turning.store(false, Ordering::SeqCst);
                    return self.wake();
                }
            }
            // What is queued after this wakes the loop; what was queued before it is seen here.
            self.turning.store(false, Ordering::SeqCst);
            if lock(&self.ready).is_empty() {
                return;
            }
            self.turning.store(true, Ordering::SeqCst);
        }
    }

    /// Drops everything that runs.
    pub fn clear(&self) {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks.into_values() {
            task.end();
        }
        lock(&self.ready).clear();
    }

    /// Takes note of what the sockets have to say.
    pub fn look(&self) {
        let mut events = Vec::<Event>::with_capacity(128);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&at_once)).is_err() {
            return;
        }
        for event in events {
            let flags = event.flags;
            let readiness = lock(&self.sockets).get(&event.data.u64()).cloned();
            if let Some(readiness) = readiness {
                Readiness::seen(&readiness, flags);
            }
        }
    }

    fn take(&self) -> Option<Arc<Task>> {
        lock(&self.ready).pop_front()
    }

    fn queue(&self, task: Arc<Task>) {
        lock(&self.ready).push_back(task);
        self.wake();
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

/// Also a panic ends a turn.
struct Turning<'a>(&'a AtomicBool);

impl<'a> Turning<'a> {
    fn begin(turning: &'a AtomicBool) -> Self {
        turning.store(true, Ordering::SeqCst);
        Self(turning)
    }
}

impl Drop for Turning<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Task {
    /// Drops it where it stands.
    pub fn end(&self) {
        let work = lock(&self.work).take();
        drop(work);
        if let Some(turns) = self.turns.upgrade() {
            lock(&turns.tasks).remove(&self.id);
        }
    }

    fn step(self: Arc<Self>) {
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self));
        let mut work = lock(&self.work);
        let over =
            work.as_mut().is_some_and(|work| work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        drop(work);
        if over {
            self.end();
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst)
            && let Some(turns) = self.turns.upgrade()
        {
            turns.queue(self);
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The loop's thread as the engine's transport knows it.
#[derive(Debug)]
pub struct Here(pub Arc<Turns>);

impl fmt::Debug for Turns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Turns").field("fd", &self.fd()).finish_non_exhaustive()
    }
}

impl Place for Here {
    fn adopt(&self, socket: TcpStream) -> io::Result<Box<dyn Adopted>> {
        let turns = Arc::clone(&self.0);
        let id = turns.number();
        let readiness = Arc::<Mutex<Readiness>>::default();
        lock(&turns.sockets).insert(id, Arc::clone(&readiness));
        // Made first: dropped, it takes the readiness back.
        let socket = Socket { socket, id, readiness, turns };
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&socket.turns.epoll, &socket.socket, EventData::new_u64(id), flags)?;
        Ok(Box::new(socket))
    }

    fn spawn(&self, task: Work) {
        self.0.start(task);
        self.0.wake();
    }
}

/// What a socket can do without waiting, as far as is known.
#[derive(Default)]
struct Readiness {
    readable: bool,
    writable: bool,
    /// Nothing more will come: it stays readable.
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Readiness {
    fn seen(this: &Mutex<Self>, flags: EventFlags) {
        let mut readiness = lock(this);
        let over = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        readiness.ended |= over || flags.contains(EventFlags::RDHUP);
        let (mut reader, mut writer) = (None, None);
        if readiness.ended || flags.contains(EventFlags::IN) {
            readiness.readable = true;
            reader = readiness.reader.take();
        }
        if over || flags.contains(EventFlags::OUT) {
            readiness.writable = true;
            writer = readiness.writer.take();
        }
        drop(readiness);
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// A connected socket in the set.
struct Socket {
    socket: TcpStream,
    id: u64,
    readiness: Arc<Mutex<Readiness>>,
    turns: Arc<Turns>,
}

impl Socket {
    fn write_with(
        &self,
        context: &Context<'_>,
        write: impl FnOnce(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let mut readiness = lock(&self.readiness);
        if readiness.writable {
            match write(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readiness.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => context.waker().wake_by_ref(),
                outcome => return Poll::Ready(outcome),
            }
        }
        readiness.writer = Some(context.waker().clone());
        Poll::Pending
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut readiness = lock(&self.readiness);
        if readiness.readable {
            let room = buffer.remaining();
            // Filled with zeros once, and not the caller's buffer for each answer.
            let mut piece = lock(&self.turns.piece);
            let room = room.min(piece.len());
            match piece.get_mut(..room).map_or(Ok(0), |piece| (&self.socket).read(piece)) {
                Ok(count) => {
                    buffer.put_slice(piece.get(..count).unwrap_or_default());
                    // Less than there was room for: that was all, and more of it is told of.
                    readiness.readable = readiness.ended || count == room;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    readiness.readable = readiness.ended
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => context.waker().wake_by_ref(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        readiness.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write_with(context, |mut socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_with(context, |mut socket| socket.write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(std::net::Shutdown::Write))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        lock(&self.turns.sockets).remove(&self.id);
        let _closed_with_it = epoll::delete(&self.turns.epoll, &self.socket);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
