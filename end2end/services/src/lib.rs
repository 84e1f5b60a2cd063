//! How the services that tests and benchmarks use are called: a PostgreSQL and an S3 server of their own, on the loopback
//! address. Whoever uses them starts and stops them: the tests once, the crash test again and again.

pub mod postgres;
pub mod seaweedfs;
