# The dashboards and monitors of the folders beside this one, for teams with Terraform; for all others there is
# `make push-assets`. Use one of the two, as each would undo the other's changes. In your own configuration:
#
#   provider "datadog" {
#     api_url = "https://api.datadoghq.eu/" # the keys are DD_API_KEY and DD_APP_KEY in the environment
#   }
#
#   module "sagemaker_training" {
#     source   = "./datadog-sagemaker-training/assets/terraform" # the whole repository: it reads ../dashboards
#     app_url  = "https://app.datadoghq.eu/"
#     docs_url = "https://git.example.com/ml/sagemaker-training/blob/main/docs/"
#     notify   = ["@slack-ml-oncall"]
#   }
terraform {
  required_version = ">= 1.3"

  required_providers {
    datadog = {
      source  = "DataDog/datadog"
      version = "~> 3.20"
    }
  }
}

locals {
  assets = { for kind in ["dashboards", "monitors"] : kind => {
    for name in fileset("${path.module}/../${kind}", "*.json") : trimsuffix(name, ".json") =>
    jsondecode(replace(
      replace(file("${path.module}/../${kind}/${name}"), "https://app.datadoghq.com/", var.app_url),
      "/`docs/([\\w.-]+\\.md(#[\\w-]+)?)`/", var.docs_url == "" ? "$0" : "[docs/$1](${trimsuffix(var.docs_url, "/")}/$1)"
    ))
  } }

  # The assets link to a dashboard by a search for its title, as its own URL is known only once it exists.
  urls  = { for name, made in datadog_dashboard_json.this : name => "${var.app_url}dashboard/${made.id}" }
  found = { for key, asset in local.assets.dashboards : replace(urlencode(asset.title), "+", "%20") => local.urls[key] }
  title = "[\\w%-]+"
  # Each of a monitor's states, and whom it notifies. Only the service check's notifies without data.
  notified = { for name, asset in local.assets.monitors : name => join(" ", [
    for state, handles in {
      alert    = var.notify
      no_data  = try(asset.definition.type, "") == "service check" ? var.notify : []
      recovery = var.notify_recovery
      warning  = var.notify_warning
    } : "{{#is_${state}}} ${join(" ", handles)} {{/is_${state}}}" if length(handles) > 0
  ]) }
  messages = { for name, asset in local.assets.monitors : name => join("", [
    for place, part in split("${var.app_url}dashboard/lists?q=", asset.definition.message) : place == 0 ? part :
    format("%s%s", local.found[regex(local.title, part)], replace(replace(part, "/^${local.title}/", ""), "/^&/", "?"))
  ]) }
}

resource "datadog_dashboard_json" "this" {
  for_each = local.assets.dashboards

  dashboard = jsonencode(merge(each.value, { title = "${var.prefix}${each.value.title}" }))
}

resource "datadog_monitor_json" "this" {
  for_each = { for name, asset in local.assets.monitors : name => asset if !contains(var.exclude, name) }

  monitor = jsonencode(merge(each.value.definition, {
    name    = "${var.prefix}${each.value.definition.name}"
    message = join("\n\n", compact([trimspace(local.messages[each.key]), local.notified[each.key]]))
  }))
}

output "dashboard_urls" {
  description = "Where the dashboards are, by the names of their files."
  value       = local.urls
}
