#include "command.hpp"
#include "manual/generate.hpp"

// farkeep-server(8) and server.ini(5): what no table knows.
namespace farkeep::server {
namespace {

using manual::Page;

constexpr std::string_view kServer = R"(
One server is one data centre; two of them form a pair and mirror each other. Agents, farkeep(1), connect to TCP port 16384 of either. A server keeps ciphertext that it
cannot read, and lets no agent destroy history.

`farkeep-server run` serves, and is what the unit `farkeep-server.service` runs, as the user farkeep-server. All other verbs are the administrator's; they work on the
data folder, beside the running server or without one, and act as the folder's owner when root calls them.

The unit is enabled by the package and starts nothing before there is a server in `/var/lib/farkeep-server`.
)";

constexpr std::string_view kFirstSteps = R"(
On the first machine, with the address at which agents reach it:

    farkeep-server init --address 192.0.2.10
    systemctl start farkeep-server
    farkeep-server invite >invitation

On the second one, with the invitation:

    farkeep-server init --address 198.51.100.10 --invite invitation
    systemctl start farkeep-server

On either of them, an account, and a token for each machine that is to register. Hand it out with the file `ca.pem` of the data folder, which is no secret:

    farkeep-server account add example
    farkeep-server token create --account example

Then take the root's key, which alone admits and revokes servers, off the first machine. The server goes on without it:

    farkeep-server authority export-root --file /media/safe/root.pem --remove

A server key that may have been stolen is replaced, and the old one revoked; a server that is lost for good is revoked as a whole, on its partner:

    farkeep-server authority renew-server --revoke-old --root-key /media/safe/root.pem
    farkeep-server authority revoke --server ID --root-key /media/safe/root.pem

A root that ends, or whose key may have been stolen, is followed by another one. No machine registers anew, and all history stays good:

    farkeep-server authority roll-root --file /media/safe/root-2.pem --root-key /media/safe/root.pem
    farkeep-server authority renew-issuing --root-key /media/safe/root-2.pem
    farkeep-server authority retire-root --root-key /media/safe/root-2.pem

The second one is given on both servers, when the agents are of a version that knows of this (`farkeep-server agents`); after it `ca.pem` is the new root's. `authority show` says what remains to be done, and how many agents may not have heard. The third one ends the trust in the old root, and
is refused while a server stands under it. From the first one on only the new key admits and revokes servers.

A server whose clock makes no sense issues nothing and says so; `clock accept` tells it that the clock is right after all.
)";

constexpr std::string_view kSignals = R"(
= SIGTERM, SIGINT
The server ends. What was acknowledged is durable; agents go on with the partner.
= SIGHUP
Reads the configuration again. One with a mistake is refused with a message, and the old one stays. Quotas, limits, the mirror, the log and whom it notifies change at once;
what changes at the next start only, such as `listen`, the log names. Accounts, tokens and agents need no signal.
)";

constexpr std::string_view kService = R"(
`NOTIFY_SOCKET` and `WATCHDOG_USEC`, which systemd sets: the server tells when it is ready and stops, where it listens (the status line of
`systemctl status farkeep-server`), and that it is alive.
)";

constexpr std::string_view kFiles = R"(
= /etc/farkeep/server.ini
The configuration: server.ini(5). It may be missing: then everything is at its default, and the server listens where `init` was told.
= /var/lib/farkeep-server
All that the server stores, for the user farkeep-server alone. Removing or purging the package leaves it: it holds other machines' backups. Another folder needs a
drop-in of the unit, which says so in a comment.
= /var/lib/farkeep-server/cache
The index; a cache. The next start makes it anew.
= /var/lib/farkeep-server/audit.log
A line for each snapshot that was set aside: when, whose, why, and what came of it. Only ever added to; it may be moved away while the server stands still.
)";

constexpr std::string_view kIni = R"(
The configuration of farkeep-server(8). It may be missing. Lines `key = value` stand in sections; a key that may be repeated has one line for each value. A comment begins with #
or ; at the start of a line or behind a blank; a value that holds one stands in double quotes.

Sizes are written with KiB, MiB, GiB, TiB or KB, MB, GB, TB; durations with s, m, h, d or w. The file must be readable for the user farkeep-server. `farkeep-server config check`
names the line of every mistake, and the nearest key that there is.
)";

constexpr std::string_view kIniExamples = R"(
    [server]
    listen = 192.0.2.10
    name = east

    [partner]
    address = 198.51.100.10

    [limits]
    agent_quota = 500GiB

    [notify]
    mail = backup@example.org
)";

Page server_page(const manual::Program& program) {
  Page page("farkeep-server", 8, "a data centre for online backup");
  constexpr std::string_view kForms[] = {"farkeep-server [--config FILE] [--data DIR] VERB [OPTIONS] [OPERANDS]", "farkeep-server VERB --help", "farkeep-server --version"};
  page.synopsis(kForms);
  page.text("DESCRIPTION", kServer);
  page.text("FIRST STEPS", kFirstSteps);
  page.verbs(program);
  page.options("GENERAL OPTIONS", program.general);
  page.text("SIGNALS", kSignals);
  page.text("ENVIRONMENT", kService);
  page.exit_status();
  page.text("FILES", kFiles);
  page.text("SEE ALSO", "server.ini(5), farkeep(1), farkeepd(8)");
  return page;
}

constexpr manual::IniPage kIniPage{"server.ini", "configuration of the backup server", "/etc/farkeep/server.ini", kIni, kIniExamples, "farkeep-server(8)"};

}  // namespace

void generate_options(po::options_description& d) { manual::generate_options(d); }

Exit generate(App&, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const general = general_options();
  manual::Program program = manual::program_of("farkeep-server", general, commands());
  program.config = kDefaultConfig;
  const Page pages[] = {server_page(program), manual::ini_page(kIniPage, ServerConfig::schema())};
  manual::generate(values, program, pages);
  return Exit::done;
}

}  // namespace farkeep::server
