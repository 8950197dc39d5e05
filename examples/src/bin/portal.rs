//! Shows each person the services that they may reach: `portal [DIR]` serves the page, `portal [DIR] --who WHO` prints it.

use std::process::ExitCode;
use std::time::Duration;

use homelab_core::serve::{Server, Settings};
use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::tailnet::Form;
use homelab_examples::{Arguments, fail, one, say, socket, wait};

const USAGE: &str = "portal [DIR] [--listen ADDRESS] [--behind-serve] [--name NAME]...
portal [DIR] --who WHO [--why SERVICE] [--format text|json]

  --listen ADDRESS  where it listens, 127.0.0.1:8420 without it
  --behind-serve    believe what Tailscale Serve on this machine says of who is asking
  --name NAME       another name by which browsers call it
  --who WHO         print the portal of this person, by name or login
  --why SERVICE     print why they can reach this service, or why not";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let form = Form::given(&mut arguments)?;
    let (who, why) = (arguments.value("--who")?, arguments.value("--why")?);
    let listen = socket(arguments.value("--listen")?, "127.0.0.1:8420")?;
    let settings = Settings::default().with_trusted_proxy(arguments.flag("--behind-serve"));
    let names = arguments.values("--name")?.into_iter();
    let settings = names.fold(settings.with_own_daemon(), Settings::with_name);
    let lab = Lab::load(one(arguments.rest()?)?)?;
    wait(async {
        let world = World::connect(&lab).await.without_repositories();
        let seen = world.observe(&lab).await;
        match (who, why) {
            (Some(who), None) => return say(&form.of(&lab.portal(&who, &seen)?)),
            (Some(who), Some(service)) => return say(&form.of(&lab.explain(&who, &service, &seen)?)),
            (None, Some(_)) => {
                let error = Error::new(ErrorKind::Invalid, "find `--who` beside `--why`");
                return Err(error.with_hint("say whose ways are asked for: `--who ann --why immich`"));
            }
            (None, None) => {}
        }
        let server = Server::bind(listen, lab.clone(), seen, settings).await?;
        say(&format!("listening on http://{}/\n", server.address()))?;
        let shown = server.shown();
        let looking = async move {
            loop {
                tokio::time::sleep(Duration::from_secs(60)).await;
                let Ok(lab) = Lab::load(lab.root()) else { continue };
                shown.set(lab.clone(), world.observe(&lab).await);
            }
        };
        server.run(looking).await
    })
}
