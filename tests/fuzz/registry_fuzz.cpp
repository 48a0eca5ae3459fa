#include <cstdlib>

#include "base/log.hpp"
#include "fuzz/server_world.hpp"
#include "vault/alarms.hpp"
#include "vault/registry_sync.hpp"
#include "vault/server_metrics.hpp"
#include "wire/quiet_parser.hpp"

// A server whose registry has bent files.
//
//   bend := file 1   how 1 (0: replaced, 1: bytes changed, 2: cut short)   size 1   that many bytes: the content; pairs of place and mask; the length that stays
//
// Promises: what reads the registry gets values or a failure; the server starts and stops.
namespace farkeep::fuzz {
namespace {

const Installed& installed() {
  static const Installed made;
  return made;
}

std::map<std::string, Buffer> bent(const std::uint8_t* data, std::size_t size) {
  auto files = installed().files;
  std::vector<std::string> names;
  for (auto const& [path, bytes] : files)
    if (path.find("/registry/") != std::string::npos && !path.ends_with("lock")) names.push_back(path);
  ByteView rest{data, size};
  auto const next = [&] {
    if (rest.empty()) return std::uint8_t{0};
    auto const b = rest[0];
    rest = rest.subspan(1);
    return b;
  };
  while (!rest.empty()) {
    auto& file = files[names[next() % names.size()]];
    auto const how = next() % 3;
    auto const wanted = next();
    auto const n = std::min<std::size_t>(wanted, rest.size());
    auto const with = rest.first(n);
    rest = rest.subspan(n);
    if (how == 0) file = to_buffer(with);
    if (how == 1)
      for (std::size_t i = 0; i + 1 < with.size(); i += 2)
        if (!file.empty()) file[with[i] % file.size()] ^= with[i + 1];
    if (how == 2 && n > 0) file.resize(std::min<std::size_t>(file.size(), with[0]));
  }
  return files;
}

template <class Work>
void attempt(Work&& work) {
  try {
    work();
  } catch (const failure&) {
    // it says what is wrong
  }
}

void read_all(const std::map<std::string, Buffer>& files) {
  sim::SimDisk disk;
  put_on(disk, files);
  sim::SimTimers timers;
  sim::SimClock const clock{timers, kAge + std::chrono::hours{1}};
  sim::SimRandom random{3};
  Registry registry{disk, clock, random, std::string{kData} + "/registry"};
  registry.sign_as(*installed().identity);
  AddressDirectory directory{registry, *installed().identity, clock};
  ClockGuard const guard{disk, kData, clock};
  Registration registration{registry, *installed().identity, directory, clock, guard, random};
  attempt([&] { registry.accounts().size(); });
  attempt([&] { registry.agents().size(); });
  attempt([&] {
    ToldEntries none;
    RegistryPages pages{registry, none};
    while (pages.next()) continue;
  });
  attempt([&] { registry.partner(); });
  attempt([&] { registry.mirror_state(); });
  attempt([&] { registry.generation(); });
  attempt([&] { directory.current(); });
  attempt([&] { directory.is_primary(); });
  attempt([&] { Alarms{registry, clock, [] { return true; }}.look(true); });
  attempt([&] { server_metrics(registry, ServerFacts{}, clock.wall()); });
  for (auto const& agent : installed().agents) {
    attempt([&] { registry.agent(agent.agent); });
    attempt([&] { registry.note_seen(agent.agent, "192.0.2.1", "fuzz"); });
    attempt([&] { registry.set_told(agent.agent, "x"); });
    attempt([&] { registry.set_revoked(agent.agent, true); });
  }
  wire::pb::Register question;
  question.set_token(installed().token);
  question.set_csr(to_string(CertificateRequest::make(installed().agents[0].key).der()));
  attempt([&] { registration.register_agent(question); });
}

void serve(const std::map<std::string, Buffer>& files) {
  ServerWorld world{installed()};
  for (auto const& [path, bytes] : files) world.disk.set_content(path, bytes);
  world.start();
  world.pass(std::chrono::minutes{3});  // mirror, vaults, alarms
  if (!world.is_running()) std::abort();
  world.stop();
}

}  // namespace
}  // namespace farkeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  farkeep::wire::quiet_parser();
  static bool const quiet = (farkeep::start_logging(farkeep::LogLevel::error, farkeep::LogFormat::text), true);
  static_cast<void>(quiet);
  auto const files = farkeep::fuzz::bent(data, size);
  farkeep::fuzz::read_all(files);
  farkeep::fuzz::serve(files);
  return 0;
}
