//! Sessions: the sign-ins of a user.
