/**
 * The messages of all other groups, and those that all of them hold, one a line: its fields, each `name=number` with `:type` where it is no text. Types: `i` and
 * `l` (32 and 64 bits), `b`, `n`, `y` (bytes), a message (of the same package when it has none), `[type]` and `{type}` (by
 * text). `?`: zero is a value of its own; `~`: its fields stand beside the others. Written by scripts/generate-kube-messages.ts.
 */
export const groupMessages = `
admissionregistration.v1.MatchCondition name=1 expression=2
admissionregistration.v1.MutatingWebhook name=1 clientConfig=2:WebhookClientConfig rules=3:[RuleWithOperations] failurePolicy=4:s? matchPolicy=9:s? namespaceSelector=5:meta.v1.LabelSelector? objectSelector=11:meta.v1.LabelSelector? sideEffects=6:s? timeoutSeconds=7:i? admissionReviewVersions=8:[s] reinvocationPolicy=10:s? matchConditions=12:[MatchCondition]
admissionregistration.v1.MutatingWebhookConfiguration metadata=1:meta.v1.ObjectMeta webhooks=2:[MutatingWebhook]
admissionregistration.v1.Rule apiGroups=1:[s] apiVersions=2:[s] resources=3:[s] scope=4:s?
admissionregistration.v1.RuleWithOperations operations=1:[s] rule=2:~Rule
admissionregistration.v1.ServiceReference namespace=1 name=2 path=3:s? port=4:i?
admissionregistration.v1.ValidatingWebhook name=1 clientConfig=2:WebhookClientConfig rules=3:[RuleWithOperations] failurePolicy=4:s? matchPolicy=9:s? namespaceSelector=5:meta.v1.LabelSelector? objectSelector=10:meta.v1.LabelSelector? sideEffects=6:s? timeoutSeconds=7:i? admissionReviewVersions=8:[s] matchConditions=11:[MatchCondition]
admissionregistration.v1.ValidatingWebhookConfiguration metadata=1:meta.v1.ObjectMeta webhooks=2:[ValidatingWebhook]
admissionregistration.v1.WebhookClientConfig url=3:s? service=1:ServiceReference? caBundle=2:y
apiextensions.v1.CustomResourceColumnDefinition name=1 type=2 format=3 description=4 priority=5:i jsonPath=6
apiextensions.v1.CustomResourceConversion strategy=1 webhook=2:WebhookConversion?
apiextensions.v1.CustomResourceDefinition metadata=1:meta.v1.ObjectMeta spec=2:CustomResourceDefinitionSpec status=3:CustomResourceDefinitionStatus
apiextensions.v1.CustomResourceDefinitionCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apiextensions.v1.CustomResourceDefinitionNames plural=1 singular=2 shortNames=3:[s] kind=4 listKind=5 categories=6:[s]
apiextensions.v1.CustomResourceDefinitionSpec group=1 names=3:CustomResourceDefinitionNames scope=4 versions=7:[CustomResourceDefinitionVersion] conversion=9:CustomResourceConversion? preserveUnknownFields=10:b
apiextensions.v1.CustomResourceDefinitionStatus conditions=1:[CustomResourceDefinitionCondition] acceptedNames=2:CustomResourceDefinitionNames storedVersions=3:[s]
apiextensions.v1.CustomResourceDefinitionVersion name=1 served=2:b storage=3:b schema=4:CustomResourceValidation? subresources=5:CustomResourceSubresources? additionalPrinterColumns=6:[CustomResourceColumnDefinition] deprecated=7:b deprecationWarning=8:s? selectableFields=9:[SelectableField]
apiextensions.v1.CustomResourceSubresourceScale specReplicasPath=1 statusReplicasPath=2 labelSelectorPath=3:s?
apiextensions.v1.CustomResourceSubresourceStatus
apiextensions.v1.CustomResourceSubresources status=1:CustomResourceSubresourceStatus? scale=2:CustomResourceSubresourceScale?
apiextensions.v1.CustomResourceValidation openAPIV3Schema=1:JSONSchemaProps?
apiextensions.v1.ExternalDocumentation description=1 url=2
apiextensions.v1.JSON raw=1:y
apiextensions.v1.JSONSchemaProps id=1 $schema=2 $ref=3:s? description=4 type=5 format=6 title=7 default=8:JSON? maximum=9:n? exclusiveMaximum=10:b minimum=11:n? exclusiveMinimum=12:b maxLength=13:l? minLength=14:l? pattern=15 maxItems=16:l? minItems=17:l? uniqueItems=18:b multipleOf=19:n? enum=20:[JSON] maxProperties=21:l? minProperties=22:l? required=23:[s] items=24:JSONSchemaPropsOrArray? allOf=25:[JSONSchemaProps] oneOf=26:[JSONSchemaProps] anyOf=27:[JSONSchemaProps] not=28:JSONSchemaProps? properties=29:{JSONSchemaProps} additionalProperties=30:JSONSchemaPropsOrBool? patternProperties=31:{JSONSchemaProps} dependencies=32:{JSONSchemaPropsOrStringArray} additionalItems=33:JSONSchemaPropsOrBool? definitions=34:{JSONSchemaProps} externalDocs=35:ExternalDocumentation? example=36:JSON? nullable=37:b x-kubernetes-preserve-unknown-fields=38:b? x-kubernetes-embedded-resource=39:b x-kubernetes-int-or-string=40:b x-kubernetes-list-map-keys=41:[s] x-kubernetes-list-type=42:s? x-kubernetes-map-type=43:s? x-kubernetes-validations=44:[ValidationRule]
apiextensions.v1.JSONSchemaPropsOrArray schema=1:JSONSchemaProps? jSONSchemas=2:[JSONSchemaProps]
apiextensions.v1.JSONSchemaPropsOrBool allows=1:b schema=2:JSONSchemaProps?
apiextensions.v1.JSONSchemaPropsOrStringArray schema=1:JSONSchemaProps? property=2:[s]
apiextensions.v1.SelectableField jsonPath=1
apiextensions.v1.ServiceReference namespace=1 name=2 path=3:s? port=4:i?
apiextensions.v1.ValidationRule rule=1 message=2 messageExpression=3 reason=4:s? fieldPath=5 optionalOldSelf=6:b?
apiextensions.v1.WebhookClientConfig service=1:ServiceReference? caBundle=2:y url=3:s?
apiextensions.v1.WebhookConversion clientConfig=2:WebhookClientConfig? conversionReviewVersions=3:[s]
apiregistration.v1.APIService metadata=1:meta.v1.ObjectMeta spec=2:APIServiceSpec status=3:APIServiceStatus
apiregistration.v1.APIServiceCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apiregistration.v1.APIServiceSpec service=1:ServiceReference? group=2 version=3 insecureSkipTLSVerify=4:b caBundle=5:y groupPriorityMinimum=7:i versionPriority=8:i
apiregistration.v1.APIServiceStatus conditions=1:[APIServiceCondition]
apiregistration.v1.ServiceReference namespace=1 name=2 port=3:i?
apps.v1.ControllerRevision metadata=1:meta.v1.ObjectMeta data=2:runtime.RawExtension revision=3:l
apps.v1.DaemonSet metadata=1:meta.v1.ObjectMeta spec=2:DaemonSetSpec status=3:DaemonSetStatus
apps.v1.DaemonSetCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apps.v1.DaemonSetSpec selector=1:meta.v1.LabelSelector? template=2:core.v1.PodTemplateSpec updateStrategy=3:DaemonSetUpdateStrategy minReadySeconds=4:i revisionHistoryLimit=6:i?
apps.v1.DaemonSetStatus currentNumberScheduled=1:i numberMisscheduled=2:i desiredNumberScheduled=3:i numberReady=4:i observedGeneration=5:l updatedNumberScheduled=6:i numberAvailable=7:i numberUnavailable=8:i collisionCount=9:i? conditions=10:[DaemonSetCondition]
apps.v1.DaemonSetUpdateStrategy type=1 rollingUpdate=2:RollingUpdateDaemonSet?
apps.v1.Deployment metadata=1:meta.v1.ObjectMeta spec=2:DeploymentSpec status=3:DeploymentStatus
apps.v1.DeploymentCondition type=1 status=2 lastUpdateTime=6:meta.v1.Time lastTransitionTime=7:meta.v1.Time reason=4 message=5
apps.v1.DeploymentSpec replicas=1:i? selector=2:meta.v1.LabelSelector? template=3:core.v1.PodTemplateSpec strategy=4:DeploymentStrategy minReadySeconds=5:i revisionHistoryLimit=6:i? paused=7:b progressDeadlineSeconds=9:i?
apps.v1.DeploymentStatus observedGeneration=1:l replicas=2:i updatedReplicas=3:i readyReplicas=7:i availableReplicas=4:i unavailableReplicas=5:i terminatingReplicas=9:i? conditions=6:[DeploymentCondition] collisionCount=8:i?
apps.v1.DeploymentStrategy type=1 rollingUpdate=2:RollingUpdateDeployment?
apps.v1.ReplicaSet metadata=1:meta.v1.ObjectMeta spec=2:ReplicaSetSpec status=3:ReplicaSetStatus
apps.v1.ReplicaSetCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apps.v1.ReplicaSetSpec replicas=1:i? minReadySeconds=4:i selector=2:meta.v1.LabelSelector? template=3:core.v1.PodTemplateSpec
apps.v1.ReplicaSetStatus replicas=1:i fullyLabeledReplicas=2:i readyReplicas=4:i availableReplicas=5:i terminatingReplicas=7:i? observedGeneration=3:l conditions=6:[ReplicaSetCondition]
apps.v1.RollingUpdateDaemonSet maxUnavailable=1:intstr.IntOrString? maxSurge=2:intstr.IntOrString?
apps.v1.RollingUpdateDeployment maxUnavailable=1:intstr.IntOrString? maxSurge=2:intstr.IntOrString?
apps.v1.RollingUpdateStatefulSetStrategy partition=1:i? maxUnavailable=2:intstr.IntOrString?
apps.v1.StatefulSet metadata=1:meta.v1.ObjectMeta spec=2:StatefulSetSpec status=3:StatefulSetStatus
apps.v1.StatefulSetCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
apps.v1.StatefulSetOrdinals start=1:i
apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted=1 whenScaled=2
apps.v1.StatefulSetSpec replicas=1:i? selector=2:meta.v1.LabelSelector? template=3:core.v1.PodTemplateSpec volumeClaimTemplates=4:[core.v1.PersistentVolumeClaim] serviceName=5 podManagementPolicy=6 updateStrategy=7:StatefulSetUpdateStrategy revisionHistoryLimit=8:i? minReadySeconds=9:i persistentVolumeClaimRetentionPolicy=10:StatefulSetPersistentVolumeClaimRetentionPolicy? ordinals=11:StatefulSetOrdinals?
apps.v1.StatefulSetStatus observedGeneration=1:l replicas=2:i readyReplicas=3:i currentReplicas=4:i updatedReplicas=5:i currentRevision=6 updateRevision=7 collisionCount=9:i? conditions=10:[StatefulSetCondition] availableReplicas=11:i
apps.v1.StatefulSetUpdateStrategy type=1 rollingUpdate=2:RollingUpdateStatefulSetStrategy?
authentication.v1.BoundObjectReference kind=1 apiVersion=2 name=3 uid=4
authentication.v1.ExtraValue items=1:[s]
authentication.v1.SelfSubjectReview metadata=1:meta.v1.ObjectMeta status=2:SelfSubjectReviewStatus
authentication.v1.SelfSubjectReviewStatus userInfo=1:UserInfo
authentication.v1.TokenRequest metadata=1:meta.v1.ObjectMeta spec=2:TokenRequestSpec status=3:TokenRequestStatus
authentication.v1.TokenRequestSpec audiences=1:[s] expirationSeconds=4:l? boundObjectRef=3:BoundObjectReference?
authentication.v1.TokenRequestStatus token=1 expirationTimestamp=2:meta.v1.Time
authentication.v1.TokenReview metadata=1:meta.v1.ObjectMeta spec=2:TokenReviewSpec status=3:TokenReviewStatus
authentication.v1.TokenReviewSpec token=1 audiences=2:[s]
authentication.v1.TokenReviewStatus authenticated=1:b user=2:UserInfo audiences=4:[s] error=3
authentication.v1.UserInfo username=1 uid=2 groups=3:[s] extra=4:{ExtraValue}
authorization.v1.ExtraValue items=1:[s]
authorization.v1.FieldSelectorAttributes rawSelector=1 requirements=2:[meta.v1.FieldSelectorRequirement]
authorization.v1.LabelSelectorAttributes rawSelector=1 requirements=2:[meta.v1.LabelSelectorRequirement]
authorization.v1.LocalSubjectAccessReview metadata=1:meta.v1.ObjectMeta spec=2:SubjectAccessReviewSpec status=3:SubjectAccessReviewStatus
authorization.v1.NonResourceAttributes path=1 verb=2
authorization.v1.NonResourceRule verbs=1:[s] nonResourceURLs=2:[s]
authorization.v1.ResourceAttributes namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7 fieldSelector=8:FieldSelectorAttributes? labelSelector=9:LabelSelectorAttributes?
authorization.v1.ResourceRule verbs=1:[s] apiGroups=2:[s] resources=3:[s] resourceNames=4:[s]
authorization.v1.SelfSubjectAccessReview metadata=1:meta.v1.ObjectMeta spec=2:SelfSubjectAccessReviewSpec status=3:SubjectAccessReviewStatus
authorization.v1.SelfSubjectAccessReviewSpec resourceAttributes=1:ResourceAttributes? nonResourceAttributes=2:NonResourceAttributes?
authorization.v1.SelfSubjectRulesReview metadata=1:meta.v1.ObjectMeta spec=2:SelfSubjectRulesReviewSpec status=3:SubjectRulesReviewStatus
authorization.v1.SelfSubjectRulesReviewSpec namespace=1
authorization.v1.SubjectAccessReview metadata=1:meta.v1.ObjectMeta spec=2:SubjectAccessReviewSpec status=3:SubjectAccessReviewStatus
authorization.v1.SubjectAccessReviewSpec resourceAttributes=1:ResourceAttributes? nonResourceAttributes=2:NonResourceAttributes? user=3 groups=4:[s] extra=5:{ExtraValue} uid=6
authorization.v1.SubjectAccessReviewStatus allowed=1:b denied=4:b reason=2 evaluationError=3
authorization.v1.SubjectRulesReviewStatus resourceRules=1:[ResourceRule] nonResourceRules=2:[NonResourceRule] incomplete=3:b evaluationError=4
autoscaling.v1.Scale metadata=1:meta.v1.ObjectMeta spec=2:ScaleSpec status=3:ScaleStatus
autoscaling.v1.ScaleSpec replicas=1:i
autoscaling.v1.ScaleStatus replicas=1:i selector=2
autoscaling.v2.ContainerResourceMetricSource name=1 target=2:MetricTarget container=3
autoscaling.v2.ContainerResourceMetricStatus name=1 current=2:MetricValueStatus container=3
autoscaling.v2.CrossVersionObjectReference kind=1 name=2 apiVersion=3
autoscaling.v2.ExternalMetricSource metric=1:MetricIdentifier target=2:MetricTarget
autoscaling.v2.ExternalMetricStatus metric=1:MetricIdentifier current=2:MetricValueStatus
autoscaling.v2.HPAScalingPolicy type=1 value=2:i periodSeconds=3:i
autoscaling.v2.HPAScalingRules stabilizationWindowSeconds=3:i? selectPolicy=1:s? policies=2:[HPAScalingPolicy] tolerance=4:resource.Quantity?
autoscaling.v2.HorizontalPodAutoscaler metadata=1:meta.v1.ObjectMeta spec=2:HorizontalPodAutoscalerSpec status=3:HorizontalPodAutoscalerStatus
autoscaling.v2.HorizontalPodAutoscalerBehavior scaleUp=1:HPAScalingRules? scaleDown=2:HPAScalingRules?
autoscaling.v2.HorizontalPodAutoscalerCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
autoscaling.v2.HorizontalPodAutoscalerSpec scaleTargetRef=1:CrossVersionObjectReference minReplicas=2:i? maxReplicas=3:i metrics=4:[MetricSpec] behavior=5:HorizontalPodAutoscalerBehavior?
autoscaling.v2.HorizontalPodAutoscalerStatus observedGeneration=1:l? lastScaleTime=2:meta.v1.Time? currentReplicas=3:i desiredReplicas=4:i currentMetrics=5:[MetricStatus] conditions=6:[HorizontalPodAutoscalerCondition]
autoscaling.v2.MetricIdentifier name=1 selector=2:meta.v1.LabelSelector?
autoscaling.v2.MetricSpec type=1 object=2:ObjectMetricSource? pods=3:PodsMetricSource? resource=4:ResourceMetricSource? containerResource=7:ContainerResourceMetricSource? external=5:ExternalMetricSource?
autoscaling.v2.MetricStatus type=1 object=2:ObjectMetricStatus? pods=3:PodsMetricStatus? resource=4:ResourceMetricStatus? containerResource=7:ContainerResourceMetricStatus? external=5:ExternalMetricStatus?
autoscaling.v2.MetricTarget type=1 value=2:resource.Quantity? averageValue=3:resource.Quantity? averageUtilization=4:i?
autoscaling.v2.MetricValueStatus value=1:resource.Quantity? averageValue=2:resource.Quantity? averageUtilization=3:i?
autoscaling.v2.ObjectMetricSource describedObject=1:CrossVersionObjectReference target=2:MetricTarget metric=3:MetricIdentifier
autoscaling.v2.ObjectMetricStatus metric=1:MetricIdentifier current=2:MetricValueStatus describedObject=3:CrossVersionObjectReference
autoscaling.v2.PodsMetricSource metric=1:MetricIdentifier target=2:MetricTarget
autoscaling.v2.PodsMetricStatus metric=1:MetricIdentifier current=2:MetricValueStatus
autoscaling.v2.ResourceMetricSource name=1 target=2:MetricTarget
autoscaling.v2.ResourceMetricStatus name=1 current=2:MetricValueStatus
batch.v1.CronJob metadata=1:meta.v1.ObjectMeta spec=2:CronJobSpec status=3:CronJobStatus
batch.v1.CronJobSpec schedule=1 timeZone=8:s? startingDeadlineSeconds=2:l? concurrencyPolicy=3 suspend=4:b? jobTemplate=5:JobTemplateSpec successfulJobsHistoryLimit=6:i? failedJobsHistoryLimit=7:i?
batch.v1.CronJobStatus active=1:[core.v1.ObjectReference] lastScheduleTime=4:meta.v1.Time? lastSuccessfulTime=5:meta.v1.Time?
batch.v1.Job metadata=1:meta.v1.ObjectMeta spec=2:JobSpec status=3:JobStatus
batch.v1.JobCondition type=1 status=2 lastProbeTime=3:meta.v1.Time lastTransitionTime=4:meta.v1.Time reason=5 message=6
batch.v1.JobSpec parallelism=1:i? completions=2:i? activeDeadlineSeconds=3:l? podFailurePolicy=11:PodFailurePolicy? successPolicy=16:SuccessPolicy? backoffLimit=7:i? backoffLimitPerIndex=12:i? maxFailedIndexes=13:i? selector=4:meta.v1.LabelSelector? manualSelector=5:b? template=6:core.v1.PodTemplateSpec ttlSecondsAfterFinished=8:i? completionMode=9:s? suspend=10:b? podReplacementPolicy=14:s? managedBy=15:s?
batch.v1.JobStatus conditions=1:[JobCondition] startTime=2:meta.v1.Time? completionTime=3:meta.v1.Time? active=4:i succeeded=5:i failed=6:i terminating=11:i? completedIndexes=7 failedIndexes=10:s? uncountedTerminatedPods=8:UncountedTerminatedPods? ready=9:i?
batch.v1.JobTemplateSpec metadata=1:meta.v1.ObjectMeta spec=2:JobSpec
batch.v1.PodFailurePolicy rules=1:[PodFailurePolicyRule]
batch.v1.PodFailurePolicyOnExitCodesRequirement containerName=1:s? operator=2 values=3:[i]
batch.v1.PodFailurePolicyOnPodConditionsPattern type=1 status=2
batch.v1.PodFailurePolicyRule action=1 onExitCodes=2:PodFailurePolicyOnExitCodesRequirement? onPodConditions=3:[PodFailurePolicyOnPodConditionsPattern]
batch.v1.SuccessPolicy rules=1:[SuccessPolicyRule]
batch.v1.SuccessPolicyRule succeededIndexes=1:s? succeededCount=2:i?
batch.v1.UncountedTerminatedPods succeeded=1:[s] failed=2:[s]
coordination.v1.Lease metadata=1:meta.v1.ObjectMeta spec=2:LeaseSpec
coordination.v1.LeaseSpec holderIdentity=1:s? leaseDurationSeconds=2:i? acquireTime=3:meta.v1.MicroTime? renewTime=4:meta.v1.MicroTime? leaseTransitions=5:i? strategy=6:s? preferredHolder=7:s?
discovery.v1.Endpoint addresses=1:[s] conditions=2:EndpointConditions hostname=3:s? targetRef=4:core.v1.ObjectReference? deprecatedTopology=5:{s} nodeName=6:s? zone=7:s? hints=8:EndpointHints?
discovery.v1.EndpointConditions ready=1:b? serving=2:b? terminating=3:b?
discovery.v1.EndpointHints forZones=1:[ForZone] forNodes=2:[ForNode]
discovery.v1.EndpointPort name=1:s? protocol=2:s? port=3:i? appProtocol=4:s?
discovery.v1.EndpointSlice metadata=1:meta.v1.ObjectMeta addressType=4 endpoints=2:[Endpoint] ports=3:[EndpointPort]
discovery.v1.ForNode name=1
discovery.v1.ForZone name=1
events.v1.Event metadata=1:meta.v1.ObjectMeta eventTime=2:meta.v1.MicroTime series=3:EventSeries? reportingController=4 reportingInstance=5 action=6 reason=7 regarding=8:core.v1.ObjectReference related=9:core.v1.ObjectReference? note=10 type=11 deprecatedSource=12:core.v1.EventSource deprecatedFirstTimestamp=13:meta.v1.Time deprecatedLastTimestamp=14:meta.v1.Time deprecatedCount=15:i
events.v1.EventSeries count=1:i lastObservedTime=2:meta.v1.MicroTime
intstr.IntOrString type=1:l intVal=2:i strVal=3
meta.v1.Condition type=1 status=2 observedGeneration=3:l lastTransitionTime=4:meta.v1.Time reason=5 message=6
meta.v1.DeleteOptions gracePeriodSeconds=1:l? preconditions=2:Preconditions? orphanDependents=3:b? propagationPolicy=4:s? dryRun=5:[s] ignoreStoreReadErrorWithClusterBreakingPotential=6:b?
meta.v1.FieldSelectorRequirement key=1 operator=2 values=3:[s]
meta.v1.FieldsV1 Raw=1:y
meta.v1.LabelSelector matchLabels=1:{s} matchExpressions=2:[LabelSelectorRequirement]
meta.v1.LabelSelectorRequirement key=1 operator=2 values=3:[s]
meta.v1.ManagedFieldsEntry manager=1 operation=2 apiVersion=3 time=4:meta.v1.Time? fieldsType=6 fieldsV1=7:meta.v1.FieldsV1? subresource=8
meta.v1.MicroTime seconds=1:l nanos=2:i
meta.v1.ObjectMeta name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7:l creationTimestamp=8:meta.v1.Time deletionTimestamp=9:meta.v1.Time? deletionGracePeriodSeconds=10:l? labels=11:{s} annotations=12:{s} ownerReferences=13:[OwnerReference] finalizers=14:[s] managedFields=17:[ManagedFieldsEntry]
meta.v1.OwnerReference apiVersion=5 kind=1 name=3 uid=4 controller=6:b? blockOwnerDeletion=7:b?
meta.v1.Preconditions uid=1:s? resourceVersion=2:s?
meta.v1.Time seconds=1:l nanos=2:i
networking.v1.HTTPIngressPath path=1 pathType=3:s? backend=2:IngressBackend
networking.v1.HTTPIngressRuleValue paths=1:[HTTPIngressPath]
networking.v1.IPBlock cidr=1 except=2:[s]
networking.v1.Ingress metadata=1:meta.v1.ObjectMeta spec=2:IngressSpec status=3:IngressStatus
networking.v1.IngressBackend service=4:IngressServiceBackend? resource=3:core.v1.TypedLocalObjectReference?
networking.v1.IngressClass metadata=1:meta.v1.ObjectMeta spec=2:IngressClassSpec
networking.v1.IngressClassParametersReference apiGroup=1:s? kind=2 name=3 scope=4:s? namespace=5:s?
networking.v1.IngressClassSpec controller=1 parameters=2:IngressClassParametersReference?
networking.v1.IngressLoadBalancerIngress ip=1 hostname=2 ports=4:[IngressPortStatus]
networking.v1.IngressLoadBalancerStatus ingress=1:[IngressLoadBalancerIngress]
networking.v1.IngressPortStatus port=1:i protocol=2 error=3:s?
networking.v1.IngressRule host=1 ingressRuleValue=2:~IngressRuleValue
networking.v1.IngressRuleValue http=1:HTTPIngressRuleValue?
networking.v1.IngressServiceBackend name=1 port=2:ServiceBackendPort
networking.v1.IngressSpec ingressClassName=4:s? defaultBackend=1:IngressBackend? tls=2:[IngressTLS] rules=3:[IngressRule]
networking.v1.IngressStatus loadBalancer=1:IngressLoadBalancerStatus
networking.v1.IngressTLS hosts=1:[s] secretName=2
networking.v1.NetworkPolicy metadata=1:meta.v1.ObjectMeta spec=2:NetworkPolicySpec
networking.v1.NetworkPolicyEgressRule ports=1:[NetworkPolicyPort] to=2:[NetworkPolicyPeer]
networking.v1.NetworkPolicyIngressRule ports=1:[NetworkPolicyPort] from=2:[NetworkPolicyPeer]
networking.v1.NetworkPolicyPeer podSelector=1:meta.v1.LabelSelector? namespaceSelector=2:meta.v1.LabelSelector? ipBlock=3:IPBlock?
networking.v1.NetworkPolicyPort protocol=1:s? port=2:intstr.IntOrString? endPort=3:i?
networking.v1.NetworkPolicySpec podSelector=1:meta.v1.LabelSelector ingress=2:[NetworkPolicyIngressRule] egress=3:[NetworkPolicyEgressRule] policyTypes=4:[s]
networking.v1.ServiceBackendPort name=1 number=2:i
node.v1.Overhead podFixed=1:{resource.Quantity}
node.v1.RuntimeClass metadata=1:meta.v1.ObjectMeta handler=2 overhead=3:Overhead? scheduling=4:Scheduling?
node.v1.Scheduling nodeSelector=1:{s} tolerations=2:[core.v1.Toleration]
policy.v1.Eviction metadata=1:meta.v1.ObjectMeta deleteOptions=2:meta.v1.DeleteOptions?
policy.v1.PodDisruptionBudget metadata=1:meta.v1.ObjectMeta spec=2:PodDisruptionBudgetSpec status=3:PodDisruptionBudgetStatus
policy.v1.PodDisruptionBudgetSpec minAvailable=1:intstr.IntOrString? selector=2:meta.v1.LabelSelector? maxUnavailable=3:intstr.IntOrString? unhealthyPodEvictionPolicy=4:s?
policy.v1.PodDisruptionBudgetStatus observedGeneration=1:l disruptedPods=2:{meta.v1.Time} disruptionsAllowed=3:i currentHealthy=4:i desiredHealthy=5:i expectedPods=6:i conditions=7:[meta.v1.Condition]
rbac.v1.AggregationRule clusterRoleSelectors=1:[meta.v1.LabelSelector]
rbac.v1.ClusterRole metadata=1:meta.v1.ObjectMeta rules=2:[PolicyRule] aggregationRule=3:AggregationRule?
rbac.v1.ClusterRoleBinding metadata=1:meta.v1.ObjectMeta subjects=2:[Subject] roleRef=3:RoleRef
rbac.v1.PolicyRule verbs=1:[s] apiGroups=2:[s] resources=3:[s] resourceNames=4:[s] nonResourceURLs=5:[s]
rbac.v1.Role metadata=1:meta.v1.ObjectMeta rules=2:[PolicyRule]
rbac.v1.RoleBinding metadata=1:meta.v1.ObjectMeta subjects=2:[Subject] roleRef=3:RoleRef
rbac.v1.RoleRef apiGroup=1 kind=2 name=3
rbac.v1.Subject kind=1 apiGroup=2 name=3 namespace=4
resource.Quantity string=1:s?
runtime.RawExtension raw=1:y
runtime.TypeMeta apiVersion=1 kind=2
runtime.Unknown typeMeta=1:TypeMeta raw=2:y contentEncoding=3 contentType=4
scheduling.v1.PriorityClass metadata=1:meta.v1.ObjectMeta value=2:i globalDefault=3:b description=4 preemptionPolicy=5:s?
storage.v1.CSIDriver metadata=1:meta.v1.ObjectMeta spec=2:CSIDriverSpec
storage.v1.CSIDriverSpec attachRequired=1:b? podInfoOnMount=2:b? volumeLifecycleModes=3:[s] storageCapacity=4:b? fsGroupPolicy=5:s? tokenRequests=6:[TokenRequest] requiresRepublish=7:b? seLinuxMount=8:b? nodeAllocatableUpdatePeriodSeconds=9:l?
storage.v1.CSINode metadata=1:meta.v1.ObjectMeta spec=2:CSINodeSpec
storage.v1.CSINodeDriver name=1 nodeID=2 topologyKeys=3:[s] allocatable=4:VolumeNodeResources?
storage.v1.CSINodeSpec drivers=1:[CSINodeDriver]
storage.v1.StorageClass metadata=1:meta.v1.ObjectMeta provisioner=2 parameters=3:{s} reclaimPolicy=4:s? mountOptions=5:[s] allowVolumeExpansion=6:b? volumeBindingMode=7:s? allowedTopologies=8:[core.v1.TopologySelectorTerm]
storage.v1.TokenRequest audience=1 expirationSeconds=2:l?
storage.v1.VolumeAttachment metadata=1:meta.v1.ObjectMeta spec=2:VolumeAttachmentSpec status=3:VolumeAttachmentStatus
storage.v1.VolumeAttachmentSource persistentVolumeName=1:s? inlineVolumeSpec=2:core.v1.PersistentVolumeSpec?
storage.v1.VolumeAttachmentSpec attacher=1 source=2:VolumeAttachmentSource nodeName=3
storage.v1.VolumeAttachmentStatus attached=1:b attachmentMetadata=2:{s} attachError=3:VolumeError? detachError=4:VolumeError?
storage.v1.VolumeError time=1:meta.v1.Time message=2 errorCode=3:i?
storage.v1.VolumeNodeResources count=1:i?
`;
