#include "app.hpp"

#include "common/config_files.hpp"
#include "common/path_argument.hpp"
#include "platform/file_access.hpp"

namespace farkeep::server {

App::App(Options options) : options_(std::move(options)), output_(options_.json) {}

MergedIni App::read_files() {
  return read_config_files(ServerConfig::schema(), options_.config.value_or(kDefaultConfig), options_.config ? MainFile::required : MainFile::optional);
}

void App::read_config() {
  if (config_) return;
  MergedIni files = read_files();
  config_read_ = !files.files.empty();
  config_ = config_of<ServerConfig>(std::move(files), tell_on_stderr);
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
  if (data_.empty()) {
    data_ = options_.data ? path_argument("--data", *options_.data) : config().data;
    refuse_if_others_share(data_, "the data folder");
  }
  return data_;
}

const Identity& App::identity() {
  if (!identity_) {
    become_owner_of(data());
    identity_ = Identity::load(disk(), data());
    hear_root_word(*identity_);
  }
  return *identity_;
}

void App::hear_root_word(Identity& identity) {
  identity.hear(Registry::root_word_in(disk(), data() + "/registry"));
}

Registry& App::registry() {
  identity();  // refuses a folder in which no server lives, before anything is made there
  if (!registry_) {
    registry_.emplace(disk(), clock_, random_, data() + "/registry");
    registry_->sign_as(*identity_);
  }
  return *registry_;
}

}  // namespace farkeep::server
