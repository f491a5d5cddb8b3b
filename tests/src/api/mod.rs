//! What the contract promises, endpoint by endpoint.

mod buying;
