//! A table that workers take rows from with `FOR UPDATE SKIP LOCKED`.
//!
//! In favour of PostgreSQL: a job is inserted and committed, then taken by deleting its row in a
//! transaction that stays open while it is worked, and acknowledged by the commit. That is two syncs
//! for a job where a table with leases needs three; a worker that is gone lets go of its rows.

use crate::body::Ledger;
use crate::failure::{Failure, Tried as _};
use crate::tasks::Client;
use std::net::SocketAddr;
use tokio_postgres::{NoTls, Statement};

/// Why materialised: a plain subquery may be run more than once for one statement, and then takes more
/// than its limit.
const TAKE: &str = "WITH taken AS MATERIALIZED \
    (SELECT id FROM jobs ORDER BY id FOR UPDATE SKIP LOCKED LIMIT $1) \
    DELETE FROM jobs USING taken WHERE jobs.id = taken.id RETURNING body";
/// Rows of other lanes may not be seen yet by the time this lane looks.
const EMPTY_LOOKS_MAX: u32 = 10_000;

/// One connection with its prepared statements.
pub(crate) struct Postgres {
    client: tokio_postgres::Client,
    insert: Statement,
    take: Statement,
}

impl Client for Postgres {
    async fn open(address: SocketAddr, _batch: u32) -> Result<Self, Failure> {
        let client = connect(address).await?;
        let insert = client.prepare("INSERT INTO jobs (body) SELECT unnest($1::bytea[])").await;
        let take = client.prepare(TAKE).await.tried("prepare the statement that takes jobs")?;
        Ok(Self { client, insert: insert.tried("prepare the statement that inserts jobs")?, take })
    }

    async fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
        let bodies: Vec<Vec<u8>> = (0..batch).map(|_| ledger.produce()).collect();
        let stored = self.client.execute(&self.insert, &[&bodies]).await.tried("insert jobs")?;
        if stored != u64::from(batch) {
            return Err(Failure::new("PostgreSQL did not insert all jobs"));
        }
        let mut left = i64::from(batch);
        for _ in 0..EMPTY_LOOKS_MAX {
            let transaction = self.client.transaction().await.tried("begin")?;
            let rows = transaction.query(&self.take, &[&left]).await.tried("take jobs")?;
            for row in &rows {
                ledger.take(row.try_get::<_, &[u8]>(0).tried("read a body")?)?;
            }
            transaction.commit().await.tried("commit")?;
            left -= i64::try_from(rows.len()).tried("count the rows")?;
            if left == 0 {
                return Ok(());
            }
        }
        Err(Failure::new("PostgreSQL does not hand out the jobs that were inserted"))
    }

    async fn close(self) -> Result<(), Failure> {
        Ok(())
    }

    async fn left(address: SocketAddr) -> Result<u64, Failure> {
        let client = connect(address).await?;
        let row = client.query_one("SELECT count(*) FROM jobs", &[]).await.tried("count jobs")?;
        u64::try_from(row.try_get::<_, i64>(0).tried("read a count")?).tried("read a count")
    }
}

async fn connect(address: SocketAddr) -> Result<tokio_postgres::Client, Failure> {
    let mut config = tokio_postgres::Config::new();
    config.host(address.ip().to_string()).port(address.port()).user("bench").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.tried("connect to PostgreSQL")?;
    // Why ignored: what breaks the connection fails the next statement as well.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
