//! `dynamodb-emulator`: an empty DynamoDB in memory, on a free port of 127.0.0.1, which it prints.
//!
//! It ends when its standard input does, so that it cannot outlive the test that started it. A program of its own,
//! because its library is large, and only those tests that need a DynamoDB are to wait until it is built.

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served: Result<(), Box<dyn std::error::Error>> = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let input_ended = async {
            // Whether it ends or fails, nobody is there any more.
            let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        };
        // Requests that are still running are not waited for: so are the tests that sent them over.
        tokio::select! {
            served = serve_with_shutdown(listener, Database::memory()?, std::future::pending()) => served?,
            () = input_ended => {}
        }
        Ok(())
    });
    // Reading standard input occupies a thread that nothing else can end.
    runtime.shutdown_background();
    served
}
