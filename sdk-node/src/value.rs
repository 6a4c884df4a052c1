//! How texts and bytes become JavaScript values, and the other way.

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, FromNapiValue, JsValue as _, Result, ToNapiValue, Uint8Array, sys};
use napi::{Env, ValueType};

/// Up to here a body crosses as a string, above as a buffer. A string is one copy into V8's heap and `JSON.parse` reads it as it is; a buffer is no copy,
/// but a finaliser.
const LARGE: usize = 64 * 1024;

/// A value on its way to JavaScript.
pub(crate) enum Value {
    /// `undefined`.
    None,
    /// ASCII: a string. V8 keeps it with one byte a character and need not find out its length first.
    Ascii(Bytes),
    /// UTF-8: a string.
    Text(Bytes),
    /// A `Buffer` on the very memory.
    Bytes(Bytes),
    /// The number of something.
    Number(u32),
}

impl Value {
    /// A body: text where it is small and UTF-8.
    pub(crate) fn body(bytes: Bytes) -> Self {
        if bytes.len() > LARGE || std::str::from_utf8(&bytes).is_err() {
            Self::Bytes(bytes)
        } else {
            Self::text(bytes)
        }
    }

    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        if text.is_ascii() { Self::Ascii(text) } else { Self::Text(text) }
    }
}

impl ToNapiValue for Value {
    // SAFETY: `env` is the environment that napi calls this in; it is handed on and not kept.
    unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> Result<sys::napi_value> {
        match value {
            // SAFETY: as above.
            Self::None => unsafe { <()>::to_napi_value(env, ()) },
            Self::Ascii(text) => Ok(Env::from_raw(env).create_string_latin1(&*text)?.raw()),
            Self::Text(text) => Ok(Env::from_raw(env).create_string(String::from_utf8_lossy(&text))?.raw()),
            // SAFETY: as above.
            Self::Number(number) => unsafe { u32::to_napi_value(env, number) },
            // SAFETY: as above.
            Self::Bytes(bytes) => unsafe { Buffer::to_napi_value(env, Buffer::from(Vec::from(bytes))) },
        }
    }
}

/// A body on its way to the engine: a string or a `Uint8Array`.
pub struct Payload(pub(crate) Bytes);

impl FromNapiValue for Payload {
    // SAFETY: `env` and `value` are those that napi calls this with; they are handed on and not kept.
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        // SAFETY: as above.
        let kind = unsafe { napi::bindgen_prelude::Unknown::from_napi_value(env, value) }?.get_type()?;
        // SAFETY: as above. The bytes are copied: JavaScript may write into its array while the request is being sent.
        Ok(Self(match kind {
            ValueType::String => unsafe { String::from_napi_value(env, value) }?.into(),
            _ => Bytes::copy_from_slice(&unsafe { Uint8Array::from_napi_value(env, value) }?),
        }))
    }
}
