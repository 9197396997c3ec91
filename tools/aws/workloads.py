# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the teams of a company train, as data. Strings hold placeholders that are filled in job by job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PASSWORD = 'Fake-Passw0rd-4711'
DATABASE_PASSWORD = 'fake-pg-passw0rd-5521'
HUGGING_FACE_TOKEN = 'hf_FAKEfakeFAKEfakeFAKEfakeFAKEfake01'
ACCESS_KEY_ID = 'AKIAFAKEDEMOKEY00001'
SECRET_ACCESS_KEY = 'FAKEsecretACCESSkey/fakeFAKE0123456789ab'
JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmYWtlLWRlbW8ifQ.ZmFrZS1zaWduYXR1cmUtZmFrZQ'
API_KEY = 'fake-api-key-0123456789abcdef'
WEBHOOK_SECRET = 'fake-webhook-s3cret-77aa'
PRIVATE_KEY = 'RkFLRSBwcml2YXRlIGtleSBvZiB0aGUgZGVtbw=='

PLANTED_SECRETS: tuple[str, ...] = (
    PASSWORD,
    DATABASE_PASSWORD,
    HUGGING_FACE_TOKEN,
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    JWT,
    API_KEY,
    WEBHOOK_SECRET,
    PRIVATE_KEY,
)
"""Every secret in the fleet, all of them made up: none may ever leave the Agent."""

COMMAND = (
    f'/opt/conda/bin/python3.11 train.py --epochs 3 --learning_rate 2e-5 --max_tokens 4096 --db-password {PASSWORD} '
    '--tokenizer_name bert-base-uncased'
)


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of training job, and how often it runs. The `fields` are as in `fleet.Job`; ranges are low and high."""

    name: str
    runs: int
    """Started in a day; a chain of jobs is one run."""
    minutes: tuple[int, int]
    """In the Training status."""
    fields: Mapping[str, Any]
    fields_once_started: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    endings: tuple[str, ...] = ('completed',)
    """Keys of `scenario.ENDINGS`; one that stands twice is twice as likely."""
    metrics: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rules: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Kind, name and possible verdicts."""
    progress: tuple[int, int] | None = None
    tokens: tuple[int, int] | None = None
    chain: tuple[int, int] = (1, 1)
    """How many jobs follow each other, each taking over the warm pool of the one before."""


def tags(team: str, project: str, env: str, **more: str) -> dict[str, str]:
    return {'team': team, 'project': project, 'env': env, **more}


def image(repository: str, mode: str = 'File', **more: Any) -> dict[str, Any]:
    """The members that name the container."""
    uri = f'763104351884.dkr.ecr.{{region}}.amazonaws.com/{repository}'
    specification = {'TrainingImage': uri, 'TrainingInputMode': mode, 'EnableSageMakerMetricsTimeSeries': True}
    return {'AlgorithmSpecification': specification | more}


def cluster(instance_type: str, count: int = 1, volume: int = 50, **more: Any) -> dict[str, Any]:
    """The member that sets the instances."""
    shape = {'InstanceType': instance_type, 'InstanceCount': count, 'VolumeSizeInGB': volume}
    return {'ResourceConfig': shape | more}


def limits(runtime: int, **more: int) -> dict[str, Any]:
    """The member that bounds the run, in seconds."""
    return {'StoppingCondition': {'MaxRuntimeInSeconds': runtime, **more}}


def spot(runtime: int, wait: int) -> dict[str, Any]:
    """The members of a managed spot job that can be resumed."""
    checkpoints = {'S3Uri': 's3://sagemaker-{region}-{account}/checkpoints/{name}', 'LocalPath': '/opt/ml/checkpoints'}
    return {
        'EnableManagedSpotTraining': True,
        'CheckpointConfig': checkpoints,
        **limits(runtime, MaxWaitTimeInSeconds=wait),
    }


def rule(name: str, **parameters: str) -> dict[str, Any]:
    """A debugger or profiler rule's configuration."""
    evaluator = '503895931360.dkr.ecr.{region}.amazonaws.com/sagemaker-debugger-rules:latest'
    return {'RuleConfigurationName': name, 'RuleEvaluatorImage': evaluator, 'RuleParameters': parameters}


VPC = {'VpcConfig': {'SecurityGroupIds': ['sg-0fae0000000000001'], 'Subnets': ['subnet-0a1', 'subnet-0b2']}}
PLAN = 'arn:{partition}:sagemaker:{region}:{account}:training-plan/frontier-2026-h2'
MLFLOW = 'arn:{partition}:sagemaker:{region}:{account}:mlflow-tracking-server/research'
HUB = 'arn:{partition}:sagemaker:{region}:aws:hub-content/SageMakerPublicHub'

# Members of every job, unless the workload says otherwise.
COMMON: Mapping[str, Any] = {
    'RoleArn': 'arn:{partition}:iam::{account}:role/service-role/SageMakerTraining',
    'InputDataConfig': [
        {
            'ChannelName': 'train',
            'DataSource': {
                'S3DataSource': {
                    'S3DataType': 'S3Prefix',
                    'S3Uri': 's3://sagemaker-{region}-{account}/datasets/train',
                    'S3DataDistributionType': 'FullyReplicated',
                }
            },
            'ContentType': 'application/x-parquet',
        }
    ],
    'OutputDataConfig': {'S3OutputPath': 's3://sagemaker-{region}-{account}/models', 'CompressionType': 'GZIP'},
    'ModelArtifacts': {'S3ModelArtifacts': 's3://sagemaker-{region}-{account}/models/{name}/output/model.tar.gz'},
    'EnableNetworkIsolation': False,
    'EnableInterContainerTrafficEncryption': False,
    'EnableManagedSpotTraining': False,
    'ProfilingStatus': 'Disabled',
    **limits(86_400),
}

WORKLOADS: tuple[Workload, ...] = (
    Workload(
        name='churn-xgb-{sdk_time}',
        runs=70,
        minutes=(8, 40),
        tags=tags('growth', 'churn', 'prod'),
        endings=(*['completed'] * 18, 'bad_input', 'internal_error'),
        metrics={'train:auc': (0.86, 0.93), 'validation:auc': (0.81, 0.9)},
        fields={
            **image('sagemaker-xgboost:1.7-1'),
            **cluster('ml.m5.2xlarge', volume=30),
            **limits(7_200),
            'HyperParameters': {'max_depth': '6', 'eta': '0.2', 'num_round': '400', 'objective': 'binary:logistic'},
            'Environment': {
                'FEATURE_STORE_URL': f'postgres://trainer:{DATABASE_PASSWORD}@features.internal:5432/churn',
                'LOG_LEVEL': 'INFO',
            },
            'RetryStrategy': {'MaximumRetryAttempts': 3},
        },
    ),
    Workload(
        name='hpo-{number}-{hex8}',
        runs=80,
        minutes=(10, 35),
        tags=tags('growth', 'ranking', 'staging'),
        endings=(*['completed'] * 13, 'stopped', 'interrupted', 'waited_for_spot', 'out_of_memory'),
        metrics={'validation:ndcg': (0.3, 0.52)},
        fields={
            **image('sagemaker-xgboost:1.7-1', MetricDefinitions=[{'Name': 'validation:ndcg', 'Regex': 'ndcg=(.*)'}]),
            **cluster('ml.c5.4xlarge', volume=20),
            **spot(7_200, 14_400),
            'TuningJobArn': 'arn:{partition}:sagemaker:{region}:{account}:hyper-parameter-tuning-job/hpo',
            'HyperParameters': {'learning_rate': '0.05', 'num_leaves': '63', '_tuning_objective_metric': 'ndcg'},
        },
    ),
    Workload(
        name='pipelines-{hex12}-TrainModel-{mixed10}',
        runs=50,
        minutes=(15, 60),
        tags=tags('payments', 'fraud', 'prod', **{'sagemaker:project-name': 'fraud', 'aws:createdBy': 'pipelines'}),
        endings=(*['completed'] * 12, 'bad_input', 'stopped'),
        metrics={'validation:precision': (0.9, 0.97), 'validation:recall': (0.6, 0.8)},
        fields={
            'AlgorithmSpecification': {'AlgorithmName': 'fraud-forest', 'TrainingInputMode': 'FastFile'},
            **cluster('ml.m5.4xlarge', count=2, volume=100),
            **limits(10_800),
            **VPC,
            'EnableNetworkIsolation': True,
            'EnableInterContainerTrafficEncryption': True,
            'HyperParameters': {'epochs': '20', 'api_key': API_KEY, 'feature_dim': '256'},
        },
    ),
    Workload(
        name='frontier-pretrain-{sdk_time}',
        runs=4,
        minutes=(2_400, 4_800),
        tags=tags('foundation', 'frontier', 'research'),
        endings=('waited_for_plan', 'waited_for_plan', 'waited_for_plan', 'waited_in_vain'),
        fields={
            **image('pytorch-training:2.5.1-gpu-py311', mode='FastFile', ContainerEntrypoint=['torchrun', 'train.py']),
            **cluster('ml.p5.48xlarge', count=16, volume=1_000, TrainingPlanArn=PLAN),
            **limits(1_209_600, MaxPendingTimeInSeconds=28_800),
            **VPC,
            'CheckpointConfig': {'S3Uri': 's3://frontier-{account}/checkpoints/{name}'},
            'TensorBoardOutputConfig': {'S3OutputPath': 's3://frontier-{account}/tensorboard'},
            'HyperParameters': {'epochs': '1', 'max_tokens': '8192', 'global_batch_size': '2048'},
            'Environment': {'NCCL_DEBUG': 'WARN', 'WANDB_API_KEY': API_KEY},
            'RetryStrategy': {'MaximumRetryAttempts': 10},
            'RemoteDebugConfig': {'EnableRemoteDebug': True},
            'InfraCheckConfig': {'EnableInfraCheck': True},
        },
    ),
    Workload(
        name='bert-finetune-{sdk_time}',
        runs=48,
        minutes=(240, 600),
        tags=tags('nlp', 'support-bot', 'research'),
        endings=(*['completed'] * 5, *['interrupted'] * 3, 'interrupted_twice', 'out_of_memory'),
        metrics={'eval_loss': (0.4, 1.1), 'eval_accuracy': (0.7, 0.92)},
        fields={
            **image(
                'huggingface-pytorch-training:2.1.0-transformers4.36.0-gpu-py310',
                ContainerArguments=['--epochs', '3', '--db-password', PASSWORD, '--max_tokens', '512'],
            ),
            **cluster('ml.g5.12xlarge', count=2, volume=200),
            **spot(43_200, 57_600),
            'HyperParameters': {'epochs': '3', 'learning_rate': '2e-5', 'tokenizer_name': 'bert-base-uncased'},
            'Environment': {'HF_TOKEN': HUGGING_FACE_TOKEN, 'HF_HOME': '/opt/ml/hf', 'AUTH_HEADER': f'Bearer {JWT}'},
            'ExperimentConfig': {'ExperimentName': 'support-bot', 'TrialName': 'bert', 'RunName': 'bert-{hex8}'},
        },
    ),
    Workload(
        name='vision-sweep-{hex8}',
        runs=16,
        minutes=(12, 40),
        chain=(3, 5),
        tags=tags('vision', 'shelf-scan', 'dev'),
        metrics={'val_map': (0.3, 0.6)},
        fields={
            **image('pytorch-training:2.5.1-gpu-py311'),
            **cluster('ml.g5.2xlarge', count=2, volume=100, KeepAlivePeriodInSeconds=1_800),
            **limits(14_400),
            'HyperParameters': {'epochs': '12', 'learning_rate': '0.01', 'backbone': 'resnet50'},
            'ExperimentConfig': {'ExperimentName': 'shelf-scan', 'TrialName': 'sweep', 'RunName': 'sweep-{hex8}'},
        },
    ),
    Workload(
        name='two-tower-{unix_time}-{hex4}',
        runs=20,
        minutes=(180, 480),
        tags=tags('recsys', 'home-feed', 'prod'),
        endings=(*['completed'] * 6, 'internal_error'),
        metrics={'recall_at_50': (0.2, 0.4)},
        fields={
            **image('tensorflow-training:2.16-gpu-py310', mode='Pipe'),
            'ResourceConfig': {
                'InstanceGroups': [
                    {'InstanceGroupName': 'data', 'InstanceType': 'ml.m5.4xlarge', 'InstanceCount': 3},
                    {'InstanceGroupName': 'dnn', 'InstanceType': 'ml.g5.12xlarge', 'InstanceCount': 2},
                ],
                'VolumeSizeInGB': 300,
            },
            'HyperParameters': {'embedding_dim': '128', 'batch_size': '8192', 'db_password': PASSWORD},
        },
    ),
    Workload(
        name='embedder-{sdk_time}',
        runs=20,
        minutes=(120, 420),
        tags=tags('nlp', 'search', 'research'),
        endings=(*['completed'] * 5, 'no_capacity'),
        metrics={'mteb': (0.5, 0.66)},
        fields={
            **image('pytorch-training:2.5.1-gpu-py311', mode='FastFile'),
            'ResourceConfig': {
                'InstancePreferences': [
                    {'InstanceType': 'ml.p5.48xlarge', 'InstanceCount': 1},
                    {'InstanceType': 'ml.p4d.24xlarge', 'InstanceCount': 2},
                    {'InstanceType': 'ml.g5.48xlarge', 'InstanceCount': 4},
                ],
                'VolumeSizeInGB': 500,
            },
            'HyperParameters': {'epochs': '2', 'temperature': '0.02', 'init': f'login --token {HUGGING_FACE_TOKEN}'},
        },
        fields_once_started={'ResourceConfig': {'SelectedInstanceType': 'ml.p4d.24xlarge', 'SelectedInstanceCount': 2}},
    ),
    Workload(
        name='llama-sft-{hex12}',
        runs=36,
        minutes=(90, 300),
        tags=tags('foundation', 'assistant', 'staging'),
        endings=(*['served'] * 7, 'served_bad_input'),
        progress=(250, 3),
        tokens=(4_000_000, 60_000_000),
        metrics={'train_loss': (0.6, 1.4)},
        fields={
            'ServerlessJobConfig': {
                'BaseModelArn': HUB + '/Model/meta-textgeneration-llama-3-1-8b-instruct/1.0.0',
                'AcceptEula': True,
                'JobType': 'FineTuning',
                'CustomizationTechnique': 'SFT',
                'Peft': 'LORA',
                'SequenceLength': '8K',
            },
            'InputDataConfig': [
                {
                    'ChannelName': 'train',
                    'DataSource': {'DatasetSource': {'DatasetArn': HUB + '/DataSet/support-dialogues/1.0.0'}},
                }
            ],
            'MlflowConfig': {'MlflowResourceArn': MLFLOW, 'MlflowRunName': '{name}'},
            'ModelPackageConfig': {
                'ModelPackageGroupArn': 'arn:{partition}:sagemaker:{region}:{account}:model-package-group/assistant'
            },
            'HyperParameters': {'epochs': '3', 'max_tokens': '4096', 'learning_rate': '1e-4'},
        },
        fields_once_started={'MlflowDetails': {'MlflowExperimentId': '7', 'MlflowRunId': '{hex12}'}},
    ),
    Workload(
        name='automl-demand-dpp0-{hex8}',
        runs=10,
        minutes=(20, 60),
        tags=tags('supply', 'demand', 'staging'),
        metrics={'validation:mse': (11.0, 19.0)},
        fields={
            **image('sagemaker-sklearn-automl:2.5-1-cpu-py3'),
            **cluster('ml.m5.12xlarge'),
            'AutoMLJobArn': 'arn:{partition}:sagemaker:{region}:{account}:automl-job/automl-demand',
            'HyperParameters': {'target': 'units'},
        },
    ),
    Workload(
        name='labeling-active-{hex8}',
        runs=6,
        minutes=(30, 90),
        tags=tags('vision', 'shelf-scan', 'prod'),
        fields={
            **image('image-classification:1'),
            **cluster('ml.p3.2xlarge'),
            'LabelingJobArn': 'arn:{partition}:sagemaker:{region}:{account}:labeling-job/shelf-photos',
            'HyperParameters': {'epochs': '8', 'num_classes': '42'},
        },
    ),
    Workload(
        name='speech-debug-{sdk_time}',
        runs=12,
        minutes=(40, 150),
        tags=tags('speech', 'call-notes', 'dev'),
        endings=(*['completed'] * 5, 'out_of_memory', 'stopped'),
        rules=(
            ('Debug', 'LossNotDecreasing', ('NoIssuesFound', 'IssuesFound')),
            ('Debug', 'VanishingGradient', ('NoIssuesFound', 'Error')),
            ('Profiler', 'LowGPUUtilization', ('IssuesFound', 'NoIssuesFound')),
        ),
        metrics={'wer': (0.08, 0.2)},
        fields={
            **image('pytorch-training:2.5.1-gpu-py311'),
            **cluster('ml.g4dn.12xlarge', volume=150),
            'DebugHookConfig': {
                'S3OutputPath': 's3://sagemaker-{region}-{account}/debug',
                'HookParameters': {'save_interval': '500', 'webhook_secret': WEBHOOK_SECRET},
                'CollectionConfigurations': [{'CollectionName': 'losses'}, {'CollectionName': 'gradients'}],
            },
            'DebugRuleConfigurations': [
                rule('LossNotDecreasing', num_steps='10', notify_token=WEBHOOK_SECRET),
                rule('VanishingGradient', threshold='1e-7'),
            ],
            'ProfilerConfig': {
                'S3OutputPath': 's3://sagemaker-{region}-{account}/profiler',
                'ProfilingIntervalInMilliseconds': 500,
                'ProfilingParameters': {'DataloaderProfilingConfig': 'on'},
            },
            'ProfilerRuleConfigurations': [rule('LowGPUUtilization', threshold_p95='70')],
            'ProfilingStatus': 'Enabled',
            'HyperParameters': {'epochs': '5', 'tokenizer_name': 'whisper-small'},
        },
    ),
    Workload(
        name='notebook-{hex8}',
        runs=48,
        minutes=(60, 300),
        endings=(*['completed'] * 4, *['out_of_memory'] * 2, 'stopped', 'bad_input', 'no_capacity'),
        fields={
            **image('pytorch-training:2.5.1-gpu-py311'),
            **cluster('ml.g5.xlarge'),
            'HyperParameters': {'epochs': '3', 'learning_rate': '2e-5', 'max_tokens': '4096', 'sm_command': COMMAND},
            'Environment': {
                'AWS_ACCESS_KEY_ID': ACCESS_KEY_ID,
                'AWS_SECRET_ACCESS_KEY': SECRET_ACCESS_KEY,
                'SETUP': f'aws configure set aws_access_key_id {ACCESS_KEY_ID}',
                'DEPLOY_IDENTITY': f'-----BEGIN PRIVATE KEY-----\n{PRIVATE_KEY}\n-----END PRIVATE KEY-----',
            },
        },
    ),
    Workload(
        name='backfill-{sdk_time}',
        runs=8,
        minutes=(60, 170),
        tags=tags('supply', 'demand', 'prod'),
        endings=('completed', 'overran'),
        fields={
            **image('sagemaker-scikit-learn:1.2-1-cpu-py3'),
            **cluster('ml.r5.4xlarge', volume=400),
            **limits(10_800),
            'InputDataConfig': [
                {
                    'ChannelName': 'history',
                    'DataSource': {
                        'FileSystemDataSource': {
                            'FileSystemId': 'fs-0fae0000000000001',
                            'FileSystemAccessMode': 'ro',
                            'FileSystemType': 'FSxLustre',
                            'DirectoryPath': '/fsx/history',
                        }
                    },
                    'ShuffleConfig': {'Seed': 7},
                }
            ],
            'HyperParameters': {'horizon': '28', 'seed': '7'},
        },
    ),
)
