/** What log sync brings goes through the pipeline, and the verdicts go back to the session. */

import { ThicketError, type Topic } from '../core/index.js'
import type { Judged, Pipeline } from '../pipeline/index.js'
import type { ReceivedOutcome, SyncSink } from '../sync/index.js'
import type { OpenTopic, Origin } from './open-topic.js'

export function createSyncSink(
  pipeline: Pipeline<Origin>,
  openTopic: (topic: Topic) => OpenTopic | undefined,
  isStopped: () => boolean,
): SyncSink {
  return {
    receive(from, operations, done) {
      const open = openTopic(from.topic)
      if (!open) {
        done(operations.map(() => TOPIC_CLOSED))
        return true
      }
      return pipeline.receive(open.row, from, operations, judged => {
        if (!isStopped()) done(judged.map(outcomeOf))
      })
    },
  }
}

const TOPIC_CLOSED: ReceivedOutcome = {
  outcome: 'refused',
  fatal: true,
  error: new ThicketError('topic-unknown', 'the topic is no longer open here'),
}

function outcomeOf(judged: Judged): ReceivedOutcome {
  const header = judged.operation?.header
  return {
    outcome: judged.outcome,
    ...(header ? { author: header.author, logId: header.extensions.logId, seqNum: header.seqNum } : {}),
    ...(judged.error ? { error: judged.error } : {}),
    ...(judged.fatal ? { fatal: true } : {}),
  }
}
