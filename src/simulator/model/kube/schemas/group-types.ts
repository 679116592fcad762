/** The types of the named groups, in the form of `core-types.ts`. */
export const groupTypes = `
Deployment spec:DeploymentSpec status:DeploymentStatus
DeploymentSpec minReadySeconds:i paused:b progressDeadlineSeconds:i replicas:i revisionHistoryLimit:i selector!:LabelSelector strategy:DeploymentStrategy template!:PodTemplateSpec
DeploymentStrategy rollingUpdate:RollingUpdateDeployment type
RollingUpdateDeployment maxSurge:ios maxUnavailable:ios
DeploymentStatus availableReplicas:i collisionCount:i conditions:[DeploymentCondition] observedGeneration:l readyReplicas:i replicas:i terminatingReplicas:i unavailableReplicas:i updatedReplicas:i
DeploymentCondition lastTransitionTime:t lastUpdateTime:t message reason status! type!
ReplicaSet spec:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetSpec minReadySeconds:i replicas:i selector!:LabelSelector template:PodTemplateSpec
ReplicaSetStatus availableReplicas:i conditions:[ReplicaSetCondition] fullyLabeledReplicas:i observedGeneration:l readyReplicas:i replicas!:i terminatingReplicas:i
ReplicaSetCondition lastTransitionTime:t message reason status! type!
DaemonSet spec:DaemonSetSpec status:DaemonSetStatus
DaemonSetSpec minReadySeconds:i revisionHistoryLimit:i selector!:LabelSelector template!:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy
DaemonSetUpdateStrategy rollingUpdate:RollingUpdateDaemonSet type
RollingUpdateDaemonSet maxSurge:ios maxUnavailable:ios
DaemonSetStatus collisionCount:i conditions:[DaemonSetCondition] currentNumberScheduled!:i desiredNumberScheduled!:i numberAvailable:i numberMisscheduled!:i numberReady!:i numberUnavailable:i observedGeneration:l updatedNumberScheduled:i
DaemonSetCondition lastTransitionTime:t message reason status! type!
StatefulSet spec:StatefulSetSpec status:StatefulSetStatus
StatefulSetSpec minReadySeconds:i ordinals:StatefulSetOrdinals persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy podManagementPolicy replicas:i revisionHistoryLimit:i selector!:LabelSelector serviceName template!:PodTemplateSpec updateStrategy:StatefulSetUpdateStrategy volumeClaimTemplates:[VolumeClaimTemplate]
VolumeClaimTemplate apiVersion kind metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
StatefulSetOrdinals start:i
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted whenScaled
StatefulSetUpdateStrategy rollingUpdate:RollingUpdateStatefulSetStrategy type
RollingUpdateStatefulSetStrategy maxUnavailable:ios partition:i
StatefulSetStatus availableReplicas:i collisionCount:i conditions:[StatefulSetCondition] currentReplicas:i currentRevision observedGeneration:l readyReplicas:i replicas!:i updateRevision updatedReplicas:i
StatefulSetCondition lastTransitionTime:t message reason status! type!
ControllerRevision data:o revision!:l

Job spec:JobSpec status:JobStatus
JobSpec activeDeadlineSeconds:l backoffLimit:i backoffLimitPerIndex:i completionMode completions:i managedBy manualSelector:b maxFailedIndexes:i parallelism:i podFailurePolicy:PodFailurePolicy podReplacementPolicy selector:LabelSelector successPolicy:SuccessPolicy suspend:b template!:PodTemplateSpec ttlSecondsAfterFinished:i
PodFailurePolicy rules!:[PodFailurePolicyRule]
PodFailurePolicyRule action! onExitCodes:PodFailurePolicyOnExitCodesRequirement onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodFailurePolicyOnExitCodesRequirement containerName operator! values!:[i]
PodFailurePolicyOnPodConditionsPattern status type!
SuccessPolicy rules!:[SuccessPolicyRule]
SuccessPolicyRule succeededCount:i succeededIndexes
JobStatus active:i completedIndexes completionTime:t conditions:[JobCondition] failed:i failedIndexes ready:i startTime:t succeeded:i terminating:i uncountedTerminatedPods:UncountedTerminatedPods
JobCondition lastProbeTime:t lastTransitionTime:t message reason status! type!
UncountedTerminatedPods failed:[s] succeeded:[s]
CronJob spec:CronJobSpec status:CronJobStatus
CronJobSpec concurrencyPolicy failedJobsHistoryLimit:i jobTemplate!:JobTemplateSpec schedule! startingDeadlineSeconds:l successfulJobsHistoryLimit:i suspend:b timeZone
JobTemplateSpec metadata:ObjectMeta spec:JobSpec
CronJobStatus active:[ObjectReference] lastScheduleTime:t lastSuccessfulTime:t

PodDisruptionBudget spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec maxUnavailable:ios minAvailable:ios selector:LabelSelector unhealthyPodEvictionPolicy
PodDisruptionBudgetStatus conditions:[Condition] currentHealthy!:i desiredHealthy!:i disruptedPods:{t} disruptionsAllowed!:i expectedPods!:i observedGeneration:l
Eviction deleteOptions:DeleteOptions
HorizontalPodAutoscaler spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec behavior:HorizontalPodAutoscalerBehavior maxReplicas!:i metrics:[MetricSpec] minReplicas:i scaleTargetRef!:CrossVersionObjectReference
CrossVersionObjectReference apiVersion kind! name!
HorizontalPodAutoscalerBehavior scaleDown:HPAScalingRules scaleUp:HPAScalingRules
HPAScalingRules policies:[HPAScalingPolicy] selectPolicy stabilizationWindowSeconds:i tolerance:q
HPAScalingPolicy periodSeconds!:i type! value!:i
MetricSpec containerResource:ContainerResourceMetricSource external:ExternalMetricSource object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource type!
ContainerResourceMetricSource container! name! target!:MetricTarget
ExternalMetricSource metric!:MetricIdentifier target!:MetricTarget
ObjectMetricSource describedObject!:CrossVersionObjectReference metric!:MetricIdentifier target!:MetricTarget
PodsMetricSource metric!:MetricIdentifier target!:MetricTarget
ResourceMetricSource name! target!:MetricTarget
MetricTarget averageUtilization:i averageValue:q type! value:q
MetricIdentifier name! selector:LabelSelector
HorizontalPodAutoscalerStatus conditions:[HorizontalPodAutoscalerCondition] currentMetrics:[MetricStatus] currentReplicas:i desiredReplicas!:i lastScaleTime:t observedGeneration:l
HorizontalPodAutoscalerCondition lastTransitionTime:t message reason status! type!
MetricStatus containerResource:ContainerResourceMetricStatus external:ExternalMetricStatus object:ObjectMetricStatus pods:PodsMetricStatus resource:ResourceMetricStatus type!
ContainerResourceMetricStatus container! current!:MetricValueStatus name!
ExternalMetricStatus current!:MetricValueStatus metric!:MetricIdentifier
ObjectMetricStatus current!:MetricValueStatus describedObject!:CrossVersionObjectReference metric!:MetricIdentifier
PodsMetricStatus current!:MetricValueStatus metric!:MetricIdentifier
ResourceMetricStatus current!:MetricValueStatus name!
MetricValueStatus averageUtilization:i averageValue:q value:q
Scale spec:ScaleSpec status:ScaleStatus
ScaleSpec replicas:i
ScaleStatus replicas!:i selector

Lease spec:LeaseSpec
LeaseSpec acquireTime:m holderIdentity leaseDurationSeconds:i leaseTransitions:i preferredHolder renewTime:m strategy
EndpointSlice addressType! endpoints!:[Endpoint] ports:[DiscoveryEndpointPort]
Endpoint addresses!:[s] conditions:EndpointConditions deprecatedTopology:{s} hints:EndpointHints hostname nodeName targetRef:ObjectReference zone
EndpointConditions ready:b serving:b terminating:b
EndpointHints forNodes:[ForNode] forZones:[ForZone]
ForNode name!
ForZone name!
DiscoveryEndpointPort appProtocol name port:i protocol
EventsEvent action deprecatedCount:i deprecatedFirstTimestamp:t deprecatedLastTimestamp:t deprecatedSource:EventSource eventTime!:m note reason regarding:ObjectReference related:ObjectReference reportingController reportingInstance series:EventsEventSeries type
EventsEventSeries count!:i lastObservedTime!:m

Ingress spec:IngressSpec status:IngressStatus
IngressSpec defaultBackend:IngressBackend ingressClassName rules:[IngressRule] tls:[IngressTLS]
IngressBackend resource:TypedLocalObjectReference service:IngressServiceBackend
IngressServiceBackend name! port:ServiceBackendPort
ServiceBackendPort name number:i
IngressRule host http:HTTPIngressRuleValue
HTTPIngressRuleValue paths!:[HTTPIngressPath]
HTTPIngressPath backend!:IngressBackend path pathType!
IngressTLS hosts:[s] secretName
IngressStatus loadBalancer:IngressLoadBalancerStatus
IngressLoadBalancerStatus ingress:[IngressLoadBalancerIngress]
IngressLoadBalancerIngress hostname ip ports:[IngressPortStatus]
IngressPortStatus error port!:i protocol!
IngressClass spec:IngressClassSpec
IngressClassSpec controller parameters:IngressClassParametersReference
IngressClassParametersReference apiGroup kind! name! namespace scope
NetworkPolicy spec:NetworkPolicySpec
NetworkPolicySpec egress:[NetworkPolicyEgressRule] ingress:[NetworkPolicyIngressRule] podSelector:LabelSelector policyTypes:[s]
NetworkPolicyEgressRule ports:[NetworkPolicyPort] to:[NetworkPolicyPeer]
NetworkPolicyIngressRule from:[NetworkPolicyPeer] ports:[NetworkPolicyPort]
NetworkPolicyPort endPort:i port:ios protocol
NetworkPolicyPeer ipBlock:IPBlock namespaceSelector:LabelSelector podSelector:LabelSelector
IPBlock cidr! except:[s]

Role rules:[PolicyRule]
ClusterRole aggregationRule:AggregationRule rules:[PolicyRule]
PolicyRule apiGroups:[s] nonResourceURLs:[s] resourceNames:[s] resources:[s] verbs!:[s]
AggregationRule clusterRoleSelectors:[LabelSelector]
RoleBinding roleRef!:RoleRef subjects:[Subject]
ClusterRoleBinding roleRef!:RoleRef subjects:[Subject]
RoleRef apiGroup! kind! name!
Subject apiGroup kind! name! namespace
PriorityClass description globalDefault:b preemptionPolicy value!:i
RuntimeClass handler! overhead:Overhead scheduling:Scheduling
Overhead podFixed:{q}
Scheduling nodeSelector:{s} tolerations:[Toleration]
StorageClass allowVolumeExpansion:b allowedTopologies:[TopologySelectorTerm] mountOptions:[s] parameters:{s} provisioner! reclaimPolicy volumeBindingMode
TopologySelectorTerm matchLabelExpressions:[TopologySelectorLabelRequirement]
TopologySelectorLabelRequirement key! values!:[s]
VolumeAttachment spec!:VolumeAttachmentSpec status:VolumeAttachmentStatus
VolumeAttachmentSpec attacher! nodeName! source!:VolumeAttachmentSource
VolumeAttachmentSource inlineVolumeSpec:PersistentVolumeSpec persistentVolumeName
VolumeAttachmentStatus attachError:VolumeError attached!:b attachmentMetadata:{s} detachError:VolumeError
VolumeError errorCode:i message time:t
CSIDriver spec!:CSIDriverSpec
CSIDriverSpec attachRequired:b fsGroupPolicy nodeAllocatableUpdatePeriodSeconds:l podInfoOnMount:b requiresRepublish:b seLinuxMount:b storageCapacity:b tokenRequests:[StorageTokenRequest] volumeLifecycleModes:[s]
StorageTokenRequest audience! expirationSeconds:l
CSINode spec!:CSINodeSpec
CSINodeSpec drivers!:[CSINodeDriver]
CSINodeDriver allocatable:VolumeNodeResources name! nodeID! topologyKeys:[s]
VolumeNodeResources count:i

CustomResourceDefinition spec!:CustomResourceDefinitionSpec status:CustomResourceDefinitionStatus
CustomResourceDefinitionSpec conversion:CustomResourceConversion group! names!:CustomResourceDefinitionNames preserveUnknownFields:b scope! versions!:[CustomResourceDefinitionVersion]
CustomResourceConversion strategy! webhook:WebhookConversion
WebhookConversion clientConfig:WebhookClientConfig conversionReviewVersions!:[s]
CustomResourceDefinitionNames categories:[s] kind! listKind plural! shortNames:[s] singular
CustomResourceDefinitionVersion additionalPrinterColumns:[CustomResourceColumnDefinition] deprecated:b deprecationWarning name! schema:CustomResourceValidation selectableFields:[SelectableField] served!:b storage!:b subresources:CustomResourceSubresources
CustomResourceColumnDefinition description format jsonPath! name! priority:i type!
CustomResourceValidation openAPIV3Schema:o
SelectableField jsonPath!
CustomResourceSubresources scale:CustomResourceSubresourceScale status:o
CustomResourceSubresourceScale labelSelectorPath specReplicasPath! statusReplicasPath!
CustomResourceDefinitionStatus acceptedNames:CustomResourceDefinitionNames conditions:[CustomResourceDefinitionCondition] storedVersions:[s]
CustomResourceDefinitionCondition lastTransitionTime:t message reason status! type!
APIService spec:APIServiceSpec status:APIServiceStatus
APIServiceSpec caBundle:y group groupPriorityMinimum!:i insecureSkipTLSVerify:b service:ServiceReference version versionPriority!:i
ServiceReference name namespace path port:i
APIServiceStatus conditions:[APIServiceCondition]
APIServiceCondition lastTransitionTime:t message reason status! type!
MutatingWebhookConfiguration webhooks:[MutatingWebhook]
MutatingWebhook admissionReviewVersions!:[s] clientConfig!:WebhookClientConfig failurePolicy matchConditions:[MatchCondition] matchPolicy name! namespaceSelector:LabelSelector objectSelector:LabelSelector reinvocationPolicy rules:[RuleWithOperations] sideEffects! timeoutSeconds:i
ValidatingWebhookConfiguration webhooks:[ValidatingWebhook]
ValidatingWebhook admissionReviewVersions!:[s] clientConfig!:WebhookClientConfig failurePolicy matchConditions:[MatchCondition] matchPolicy name! namespaceSelector:LabelSelector objectSelector:LabelSelector rules:[RuleWithOperations] sideEffects! timeoutSeconds:i
WebhookClientConfig caBundle:y service:ServiceReference url
MatchCondition expression! name!
RuleWithOperations apiGroups:[s] apiVersions:[s] operations:[s] resources:[s] scope

SelfSubjectAccessReview spec!:SelfSubjectAccessReviewSpec status:SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec nonResourceAttributes:NonResourceAttributes resourceAttributes:ResourceAttributes
NonResourceAttributes path verb
ResourceAttributes fieldSelector:FieldSelectorAttributes group labelSelector:LabelSelectorAttributes name namespace resource subresource verb version
FieldSelectorAttributes rawSelector requirements:[FieldSelectorRequirement]
FieldSelectorRequirement key! operator! values:[s]
LabelSelectorAttributes rawSelector requirements:[LabelSelectorRequirement]
SubjectAccessReviewStatus allowed!:b denied:b evaluationError reason
SelfSubjectRulesReview spec!:SelfSubjectRulesReviewSpec status:SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec namespace
SubjectRulesReviewStatus evaluationError incomplete!:b nonResourceRules!:[NonResourceRule] resourceRules!:[ResourceRule]
NonResourceRule nonResourceURLs:[s] verbs!:[s]
ResourceRule apiGroups:[s] resourceNames:[s] resources:[s] verbs!:[s]
SubjectAccessReview spec!:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
LocalSubjectAccessReview spec!:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
SubjectAccessReviewSpec extra:{[s]} groups:[s] nonResourceAttributes:NonResourceAttributes resourceAttributes:ResourceAttributes uid user
TokenReview spec!:TokenReviewSpec status:TokenReviewStatus
TokenReviewSpec audiences:[s] token
TokenReviewStatus audiences:[s] authenticated:b error user:UserInfo
UserInfo extra:{[s]} groups:[s] uid username
SelfSubjectReview status:SelfSubjectReviewStatus
SelfSubjectReviewStatus userInfo:UserInfo
TokenRequest spec!:TokenRequestSpec status:TokenRequestStatus
TokenRequestSpec audiences!:[s] boundObjectRef:BoundObjectReference expirationSeconds:l
BoundObjectReference apiVersion kind name uid
TokenRequestStatus expirationTimestamp!:t token!
`;
