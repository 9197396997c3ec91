variable "app_url" {
  description = "Where you open Datadog, with the slash at its end, such as https://app.datadoghq.eu/."
  type        = string
  default     = "https://app.datadoghq.com/"

  validation {
    condition     = can(regex("^https://[^/]+/$", var.app_url))
    error_message = "It is like https://app.datadoghq.com/, with the slash at its end and nothing after it."
  }
}

variable "docs_url" {
  description = "Where the folder docs/ is read, so that runbooks are links: https://git.example.com/ml/it/blob/main/docs/. Without it, messages have the path in the repository."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(https://[^\\s#()\"\\\\<>`$]+)?$", var.docs_url))
    error_message = "It is like https://git.example.com/ml/it/blob/main/docs/."
  }
}

variable "exclude" {
  description = "Monitors to leave out, by the names of their files: [\"warm_pool_idle\"] where there are none."
  type        = list(string)
  default     = []
}

variable "notify" {
  description = "Whom the monitors notify when they alert, or have no data: @slack-ml-oncall, @pagerduty-ml."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for handle in var.notify : startswith(handle, "@")])
    error_message = "A handle starts with @."
  }
}

variable "notify_recovery" {
  description = "Whom they notify when they recover, such as tools that close what they have opened: @pagerduty-ml."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for handle in var.notify_recovery : startswith(handle, "@")])
    error_message = "A handle starts with @."
  }
}

variable "notify_warning" {
  description = "Whom they notify when they warn: @slack-ml."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for handle in var.notify_warning : startswith(handle, "@")])
    error_message = "A handle starts with @."
  }
}

variable "prefix" {
  description = "Goes before the titles of the dashboards and the names of the monitors: \"Staging \"."
  type        = string
  default     = ""
}
