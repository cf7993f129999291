"""All that the language of templates has is rehearsed or tested, and every rehearsal shows some."""

from __future__ import annotations

import re
from pathlib import Path

from cloudhand.orchestration import functions
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.actions.library import Library

_HERE = Path(__file__).parent
_TESTS = _HERE.parent
_UNIT = "unit/orchestration"
_OOS = "api/test_oos_executions.py"

# What there is, each with the rehearsals, or the tests by their files, that show it.
_PARAMETERS = {
    "types, and what is converted": """given_values_become_their_types
        a_single_value_is_a_list_of_one_and_a_plain_text_stays_json
        {unit}/test_parameters.py::test_convert""",
    "a default of another type": "defaults_refer_to_each_other_in_any_order",
    "defaults refer to parameters, in the order that they need": """
        defaults_refer_to_each_other_in_any_order
        a_default_follows_what_is_given_to_another_parameter""",
    "allowed values, pattern, lengths, bounds, own words": """values_within_all_rules_are_taken
        {unit}/test_parameters.py::test_what_is_refused
        {unit}/test_parameters.py::test_what_is_allowed""",
    "no value and no default is refused": "{unit}/test_parameters.py::test_what_is_refused",
    "NoEcho hides": """values_within_all_rules_are_taken
        {unit}/test_parameters.py::test_what_is_refused""",
    "hints of the console are no input": """values_within_all_rules_are_taken
        descriptions_and_metadata_are_not_evaluated""",
    "descriptions are texts or maps": "descriptions_and_metadata_are_not_evaluated",
}
_REFERENCES = {
    "alone it keeps its type, within text it is text": """
        a_reference_alone_keeps_its_type_and_within_text_is_json_text""",
    "case and blanks do not matter": """
        a_reference_alone_keeps_its_type_and_within_text_is_json_text""",
    "one pass only": "what_comes_in_through_a_value_is_not_looked_through_again",
    "outputs of tasks, and paths that are not declared": """
        a_list_output_has_all_results_and_any_other_the_first""",
    "the parameter store, secrets": """the_parameter_store_is_looked_into_when_it_is_needed
        a_parameter_that_is_not_in_the_store_fails_its_task
        a_secret_that_is_not_in_the_store_fails_its_task""",
    "what was skipped is nothing": """what_was_skipped_gives_nothing_and_breaks_nothing
        outputs_of_the_branch_not_taken_are_nothing either_branch_may_feed_what_follows""",
    "unknown names are refused": "{unit}/test_linking.py::test_what_is_not_known",
    "pseudo parameters": """pseudo_parameters_tell_of_the_execution_at_the_time_of_the_task
        {unit}/test_pseudo.py::test_they_are_all_there_but_the_item""",
}
_TASKS = {
    "names are unique and come in any case": "{unit}/test_tasks.py::test_names",
    "actions in any case": """a_sleep_takes_its_span_and_none_when_its_moment_has_passed
        actions_of_a_product_follow_each_other""",
    "When": """a_task_runs_when_its_condition_holds_and_an_item_when_it_does_for_it
        a_task_is_skipped_when_its_condition_does_not_hold
        a_condition_that_is_neither_true_nor_false_fails_its_task
        a_task_that_is_skipped_leads_to_the_next_and_not_where_its_success_would""",
    "Conditions": """named_conditions_refer_to_each_other_and_to_outputs
        a_condition_on_an_output_may_fail_to_hold
        a_condition_may_be_false_for_each_of_its_reasons""",
    "OnSuccess": """success_leads_over_tasks_and_to_a_good_end
        a_loop_leads_where_its_success_or_its_failure_says a_loop_that_succeeds_may_end_it""",
    "OnError": """after_a_jump_tasks_follow_each_other_as_they_stand
        an_error_leads_to_the_next_task_and_the_execution_still_fails
        the_first_failure_is_told_where_an_error_handler_fails_too""",
    "old words for the end and for going on": "end_and_continue_of_old_templates_are_understood",
    "OnCancel": """a_rejection_leads_where_on_cancel_says_and_ends_cancelled
        a_cancelled_execution_still_goes_where_on_cancel_says an_approval_leads_on""",
    "IsCritical": """a_failure_that_is_not_critical_leaves_success
        a_failure_that_is_not_critical_ends_where_no_error_leads_on
        a_critical_failure_fails_all_the_same""",
    "Timeout": """a_task_fails_when_its_time_is_over a_task_within_its_time_succeeds
        the_time_that_a_confirmation_takes_is_not_the_tasks
        a_call_that_was_confirmed_has_its_whole_time_and_no_more""",
    "Retries, Delay, DelayType, BackOff, MaxRetryInterval": """a_wait_grows_exponentially
        a_wait_may_be_constant a_wait_may_grow_linearly
        a_wait_grows_no_further_than_its_longest_interval a_wait_with_too_many_retries_fails""",
    "ways lead forward, to what there is": "{unit}/test_tasks.py::test_what_is_wrong_with_a_task",
}
_LOOPS = {
    "items of a parameter, an output, a function": """items_come_from_outputs_and_from_functions
        items_may_be_anything
        items_that_are_no_list_fail_the_loop
        items_that_are_nothing_are_none""",
    "at most a thousand items": "a_loop_over_more_than_a_thousand_items_fails",
    "one by one by default": """without_rate_control_items_run_one_by_one_and_none_may_fail
        one_at_a_time_stops_at_first_error""",
    "Concurrency as a number or a share": """so_many_items_run_at_once
        a_share_of_the_items_runs_at_once_rounded_down a_share_of_few_items_is_at_least_one
        stray_commas_in_a_rate_are_no_harm a_rate_that_cannot_be_read_fails_the_loop
        each_is_run_and_restarted""",
    "the older form, with lists": """in_the_old_form_a_list_of_shares_are_batches
        in_the_old_form_a_number_is_how_many_at_once_and_a_list_are_batches""",
    "batches, and how many at once in them": """
        batches_follow_each_other_and_the_last_size_is_repeated
        batches_may_be_shares_and_have_their_own_concurrency
        in_a_batch_twenty_run_at_once_by_default""",
    "BatchPauseOption": """the_first_batch_is_waited_behind every_batch_is_waited_behind
        no_batch_is_waited_behind_where_pauses_are_automatic
        a_pause_between_batches_that_is_rejected_cancels
        after_a_batch_with_a_failure_nobody_is_asked""",
    "MaxErrors": """failures_up_to_a_number_are_borne_and_missing_in_aggregates
        failures_up_to_a_share_are_borne_rounded_down all_failures_may_be_borne
        what_runs_when_a_loop_gives_up_is_left_to_end""",
    "Strict": """a_strict_loop_never_risks_more_than_it_bears
        a_strict_loop_slows_down_after_a_failure""",
    "no items": "a_loop_over_nothing_succeeds_with_empty_aggregates",
    "aggregates": """outputs_of_items_are_put_together_in_the_order_of_the_items
        aggregates_of_items_that_all_failed_are_empty""",
    "what may be looped": """waits_and_checks_are_looped
        a_template_within_a_template_gives_its_outputs
        {unit}/test_tasks.py::test_what_is_wrong_with_a_task""",
}
_OUTPUTS = {
    "lists have all results, others the first, unconverted": """
        a_list_output_has_all_results_and_any_other_the_first""",
    "selectors are jq, composed first": """selectors_are_composed_before_they_run
        a_selector_may_be_a_function_and_any_jq_program
        a_selector_that_cannot_run_fails_its_task""",
    "outputs of the template": """outputs_of_a_template_may_be_made_of_anything
        success_leads_over_tasks_and_to_a_good_end""",
    "RamRole": "a_role_may_be_left_empty a_role_may_be_named",
}
_ACTIONS = {
    "ExecuteAPI": """a_call_gets_its_parameters_and_gives_its_answer
        a_call_that_is_refused_fails_its_task""",
    "WaitFor": """a_wait_that_is_fulfilled_at_once_takes_no_time a_wait_may_have_nothing_to_wait_for
        a_value_that_stops_retries_fails_at_once a_wait_retries_ten_times_by_itself
        an_error_may_be_what_is_waited_out an_error_may_end_a_wait""",
    "CheckFor": """a_check_holds a_check_that_does_not_hold_fails_at_once a_check_may_be_tried_again
        a_check_takes_an_error_as_an_answer""",
    "Choice": """a_choice_takes_its_default the_first_choice_that_is_true_decides
        a_choice_may_end_it_well a_choice_may_lead_to_the_next_task_whose_branch_ends
        a_branch_falls_through_to_what_comes_behind_it""",
    "SelectTargets": """
        targets_are_named
        targets_are_found_by_tags
        targets_that_are_gone_are_left_out
        all_may_be_targets targets_of_no_known_kind_fail several_filters_find_each_target_once
        a_resource_of_elsewhere_is_not_served""",
    "Sleep": """a_sleep_takes_its_span_and_none_when_its_moment_has_passed
        a_sleep_lasts_until_its_moment a_sleep_of_no_span_fails""",
    "Approve": """two_of_three_have_to_approve one_approval_of_two_is_waited_upon
        one_rejection_is_enough""",
    "Notify": "a_message_is_sent_with_data_in_it mail_is_not_served",
    "Pause": """
        a_pause_waits_for_somebody
        a_pause_ends_by_an_approval
        a_pause_that_is_rejected_cancels""",
    "Template": """a_template_within_a_template_gives_its_outputs
        a_template_within_a_template_fails_its_task
        a_template_within_a_template_that_is_cancelled_cancels""",
    "actions of products": """actions_of_a_product_follow_each_other run_command invoke_command
        invoke_command_that_fails install_cloud_assistant send_file reboot_instance
        start_instance_that_is_stopped start_instance_that_runs start_instance_that_starts
        stop_instance_that_is_stopped stop_instance_that_runs stop_instance_that_stops
        tag_resources untag_resources""",
    "public templates": """bulky_reboot_and_check bulky_reboot_instances bulky_run_command
        bulky_start_instances bulky_stop_instances bulky_tag_instances reboot_and_check
        reboot_and_check_in_time reboot_and_check_too_late
        schedule_to_reboot_instances schedule_to_run_command""",
    "TimerTrigger": """a_timer_keeps_to_working_days_in_its_zone a_timer_fires_once_at_its_moment
        a_timer_may_be_fired_by_hand a_timer_is_cancelled_with_what_it_started
        a_timer_waits_for_its_first_day a_timer_that_cannot_be_read_fails
        what_comes_due_while_the_last_one_runs_is_left_out
        what_is_triggered_is_done_by_no_end_of_the_schedule""",
    "EventTrigger": """each_event_starts_an_execution_with_what_it_brings
        an_event_trigger_ends_by_being_cancelled
        an_event_without_what_is_selected_fails_what_it_starts""",
    "AlarmTrigger": "an_alarm_starts_an_execution_that_looks_at_its_value",
}
_FUNCTIONS = {
    "Equals": "equality_is_that_of_json_with_numbers_like_their_texts",
    "And, Or, Not": "named_conditions_refer_to_each_other_and_to_outputs",
    "If": """of_two_branches_only_the_one_taken_is_evaluated
        a_branch_that_cannot_be_evaluated_fails_where_it_is_taken""",
    "Select": """an_element_is_selected_by_its_place_or_its_key
        what_is_not_there_is_selected_as_nothing""",
    "Jq": "jq_programs_run_on_data_and_on_json_text a_jq_program_that_does_not_compile_fails",
    "Join, Split, Replace, Sub, Escape, ContainsSubString": """
        texts_are_joined_split_replaced_and_filled_in""",
    "Base64Encode, Base64Decode": """what_is_base64_is_written_and_read
        empty_output_is_empty_text_when_decoded output_that_is_absent_is_absent_when_decoded
        output_that_is_no_base64_fails_the_outputs""",
    "First, Last, Union, Intersection, Difference, RangeSelect": """
        lists_are_compared_merged_and_cut""",
    "MergeList, ListJoin, CalculateBatch": "lists_are_compared_merged_and_cut",
    "MergeMap, MapJoin, MergeMapToList, ConvertMapToList": "maps_are_merged_and_made_into_lists",
    "Eval, Min, Max, Sum": "numbers_are_reckoned_with what_is_no_number_cannot_be_reckoned_with",
    "AddHour, FormatUTCTime, DurationBetween, CalculateTimeByOpsWindow": """
        times_are_moved_formatted_and_measured_over_midnight
        what_is_no_time_of_day_cannot_be_slept_until""",
    "IsIpInCIDR": """an_address_within_its_network_is_let_in an_address_of_elsewhere_is_left_out""",
    "functions nest": "functions_nest_freely",
}
_EXECUTIONS = {
    "FailurePause": """a_failing_task_waits_for_an_answer a_failing_task_is_tried_again
        a_failing_task_is_skipped a_failing_item_is_tried_again_while_the_others_go_on
        a_failing_item_is_skipped a_failing_task_that_waits_is_cancelled
        without_failure_pause_an_error_goes_its_way""",
    "LoopMode": """the_execution_may_ask_for_pauses_that_the_template_leaves_open
        no_batch_is_waited_behind_where_pauses_are_automatic""",
    "SafetyCheck, Risk": """a_call_of_high_risk_waits_to_be_confirmed
        a_call_of_high_risk_goes_on_once_it_is_approved
        a_call_of_high_risk_that_is_rejected_is_cancelled
        without_a_safety_check_nothing_is_confirmed a_loop_of_risky_calls_waits_to_be_confirmed
        one_risky_call_among_those_of_a_loop_is_enough_to_ask""",
    "cancelling": """a_sleep_is_cancelled a_command_is_cancelled_and_no_error_handler_runs
        a_loop_is_cancelled_with_what_runs_in_it a_loop_that_is_cancelled_twice_is_cancelled
        what_has_ended_is_not_cancelled""",
}
# What others have got wrong.
_PITFALLS = {
    "names in any case": "a_list_output_has_all_results_and_any_other_the_first",
    "nothing of Python in a text": "a_reference_alone_keeps_its_type_and_within_text_is_json_text",
    "a lone null stays, a list is not flattened": """
        a_list_output_has_all_results_and_any_other_the_first""",
    "null is left out here, and kept there": """
        outputs_of_items_are_put_together_in_the_order_of_the_items
        a_list_output_has_all_results_and_any_other_the_first""",
    "no dot before a program of Fn::Jq": "jq_programs_run_on_data_and_on_json_text",
    "Fn::Sub and hints share their braces": """texts_are_joined_split_replaced_and_filled_in
        values_within_all_rules_are_taken""",
    "a handled error still fails": "an_error_leads_to_the_next_task_and_the_execution_still_fails",
    "the end on the way of success has outputs": "success_leads_over_tasks_and_to_a_good_end",
    "no Retries are ten": "a_wait_retries_ten_times_by_itself",
    "errors are data to those who poll only": """a_check_takes_an_error_as_an_answer
        a_call_that_is_refused_fails_its_task""",
    "the first look comes at once": "a_wait_that_is_fulfilled_at_once_takes_no_time",
    "after a failure nothing begins, and what runs ends": """
        what_runs_when_a_loop_gives_up_is_left_to_end""",
    "items of calls have no execution, those of products do": """
        {oos}::test_the_published_template_runs_a_command_and_restarts_three_machines""",
    "an execution below has an id of its own": """
        {oos}::test_an_execution_may_be_started_below_another_one""",
    "a timer lives between its firings": "a_timer_fires_once_at_its_moment",
    "midnight, and spans in any spelling": """times_are_moved_formatted_and_measured_over_midnight
        a_sleep_takes_its_span_and_none_when_its_moment_has_passed""",
    "templates that embed each other end": """
        api/test_oos_templates.py::test_templates_that_embed_each_other_have_an_end""",
    "deleting waits for somebody": "a_call_of_high_risk_goes_on_once_it_is_approved",
    "a rejection is no failure": "one_rejection_is_enough",
    "an execution that is not known": "{oos}::test_what_is_not_known_is_an_empty_list",
    "pages": """{oos}::test_executions_come_in_pages
        control/test_library.py::test_all_pages_of_tags_are_told_to_a_template""",
    "output keeps its bytes": "{oos}::test_output_of_the_command_is_what_the_machine_said",
    "a value that looks like a reference is data": """
        control/test_secrets.py::test_data_that_looks_like_a_secret_is_sent_as_data""",
}
_TABLES = (_PARAMETERS, _REFERENCES, _TASKS, _LOOPS, _OUTPUTS, _ACTIONS, _FUNCTIONS, _EXECUTIONS,
           _PITFALLS)  # fmt: skip
_ROWS = {
    row: shown.format(unit=_UNIT, oos=_OOS).split()
    for table in _TABLES
    for row, shown in table.items()
}


def _there_is(name: str) -> bool:
    file, _, test = name.partition("::")
    if not test:
        return (_HERE / f"{name}.yml").is_file()
    path = _TESTS / file
    return path.is_file() and re.search(rf"\bdef {test}\(", path.read_text()) is not None


def test_what_shows_a_row_is_there() -> None:
    missing = {row: [one for one in shown if not _there_is(one)] for row, shown in _ROWS.items()}
    assert {row: names for row, names in missing.items() if names} == {}


def test_each_row_is_shown() -> None:
    assert [row for row, shown in _ROWS.items() if not shown] == []
    assert len(_ROWS) == sum(map(len, _TABLES)), "two rows have the same name"


def test_each_rehearsal_shows_something() -> None:
    shown = {name for names in _ROWS.values() for name in names}
    assert sorted({path.stem for path in _HERE.glob("*.yml")} - shown) == []


def test_each_function_and_each_action_occurs_in_the_corpus() -> None:
    corpus = "\n".join(path.read_text() for path in _HERE.glob("templates/*.yml")).lower()
    names = [*functions.NAMES, *ACTIONS, *Library({}).actions]
    ends = r"(?!\w|::)"
    assert [one for one in names if not re.search(re.escape(one.lower()) + ends, corpus)] == []


def test_each_template_is_rehearsed() -> None:
    rehearsed = "\n".join(path.read_text() for path in _HERE.glob("*.yml"))
    files = sorted(path.name for path in _HERE.glob("templates/*.yml"))
    assert [name for name in files if f"template: templates/{name}\n" not in rehearsed] == []
