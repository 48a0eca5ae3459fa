#include "app.hpp"

#include <cstdio>

#include "base/limits.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep::server {

App::App(Options options) : options_(std::move(options)), output_(options_.json) {}

void App::read_config() {
  if (config_) return;
  auto const file = options_.config.value_or(kDefaultConfig);
  auto const text = read_file(disk(), file, limits::kMaxIniFile);
  if (!text && options_.config)
    throw failure(Errc::configuration, "reading the configuration " + file + ": there is no such file; --config names another");
  auto parsed = ServerConfig::parse(text ? as_text(*text) : std::string_view{}, file);
  for (auto const& error : parsed.errors) std::fprintf(stderr, "%s\n", error.to_string().c_str());
  if (!parsed) throw failure(Errc::configuration, "reading the configuration " + file + ": correct the lines above");
  config_ = std::move(*parsed.value);
  config_read_ = text.has_value();
}

const ServerConfig& App::config() {
  read_config();
  return *config_;
}

bool App::has_config() {
  read_config();
  return config_read_;
}

std::string App::data() {
  if (!options_.data) return config().data;
  auto const path = parse_path(*options_.data);
  if (!path) throw failure(Errc::usage, "--data " + *options_.data + ": " + path.error().text);
  return *path;
}

const Identity& App::identity() {
  if (!identity_) {
    become_owner_of(data());
    identity_ = Identity::load(disk(), data());
  }
  return *identity_;
}

Registry& App::registry() {
  identity();  // refuses a folder in which no server lives, before anything is made there
  if (!registry_) registry_.emplace(disk(), clock_, random_, data() + "/registry");
  return *registry_;
}

}  // namespace farkeep::server
